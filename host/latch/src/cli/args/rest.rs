//! What the other commands take.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Args as ClapArgs, Subcommand};

use super::{CheckArgs, LoginArgs, ProviderArgs};
use crate::cli::choices::{MoveTarget, TokenOutput};

#[derive(ClapArgs)]
pub(crate) struct TokenArgs {
    /// Renew unless the token stays valid for so long
    #[arg(long, env = "LATCH_MIN_TTL", value_name = "SECONDS", default_value_t = 0)]
    pub(crate) min_ttl: u64,

    /// Renew even a token that is still good
    #[arg(long, env = "LATCH_FORCE_REFRESH", value_parser = FalseyValueParser::new())]
    pub(crate) force_refresh: bool,

    /// What to print [default: token]
    #[arg(long, env = "LATCH_OUTPUT", value_name = "FORMAT", value_enum)]
    pub(crate) output: Option<TokenOutput>,

    #[command(flatten)]
    pub(crate) checks: CheckArgs,

    #[command(flatten)]
    pub(crate) provider: ProviderArgs,
}

#[derive(ClapArgs)]
pub(crate) struct ExecArgs {
    /// The variable that holds the access token
    #[arg(long, env = "LATCH_VARIABLE", value_name = "NAME", default_value = "LATCH_ACCESS_TOKEN")]
    pub(crate) variable: String,

    /// Renew unless the token stays valid for so long
    #[arg(long, env = "LATCH_MIN_TTL", value_name = "SECONDS", default_value_t = 0)]
    pub(crate) min_ttl: u64,

    #[command(flatten)]
    pub(crate) provider: ProviderArgs,

    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

#[derive(ClapArgs)]
pub(crate) struct MoveArgs {
    /// Where to keep it from now on
    #[arg(value_enum)]
    pub(crate) to: MoveTarget,
}

#[derive(ClapArgs)]
pub(crate) struct LogoutArgs {
    /// End every session of every profile
    #[arg(long, env = "LATCH_ALL", value_parser = FalseyValueParser::new())]
    pub(crate) all: bool,

    /// End the session at the provider too, in a browser
    #[arg(long, env = "LATCH_END_SESSION", value_parser = FalseyValueParser::new(), conflicts_with = "all")]
    pub(crate) end_session: bool,

    /// The browser's command; the address is appended as its last word
    #[arg(long, env = "LATCH_BROWSER", value_name = "COMMAND")]
    pub(crate) browser: Option<String>,

    #[command(flatten)]
    pub(crate) provider: ProviderArgs,
}

#[derive(Subcommand)]
pub(crate) enum ProfileCommand {
    /// Keep settings under a name, or change some of them
    Add {
        /// The profile's name
        name: String,
        #[command(flatten)]
        settings: Box<LoginArgs>,
    },
    /// List the names
    List,
    /// Show a profile's settings
    Show {
        /// The profile's name
        name: Option<String>,
    },
    /// Forget a profile's settings
    Remove {
        /// The profile's name
        name: String,
    },
}

#[derive(ClapArgs)]
pub(crate) struct ComponentArgs {
    /// Write the component itself to a file; - for standard output
    #[arg(long, env = "LATCH_COMPONENT_OUTPUT", value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(ClapArgs)]
pub(crate) struct ReplayArgs {
    /// What --record wrote; - for standard input
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
}
