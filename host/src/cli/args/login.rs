//! Logging in.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::LoginArgs;

#[derive(ClapArgs)]
pub(crate) struct LoginCommand {
    /// A file with the refresh token of an anonymous session that becomes yours (Hexclave); or set LATCH_ANONYMOUS_REFRESH_TOKEN
    #[arg(long, env = "LATCH_ANONYMOUS_TOKEN_FILE", value_name = "FILE", help_heading = "Login")]
    pub(crate) anonymous_token_file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) login: LoginArgs,
}
