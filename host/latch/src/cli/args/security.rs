//! Arguments about what a login demands of the provider.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use clap::builder::FalseyValueParser;

use crate::cli::choices::{ResponseMode, SecurityProfile};
use crate::cli::keys::KeyPlace;

// No doc comment: it would replace the command's own description in the help.
#[derive(ClapArgs, Clone, Default)]
#[command(next_help_heading = "Security")]
pub(crate) struct SecurityArgs {
    /// Bind tokens to a key, so that a stolen one is worth nothing (RFC 9449)
    #[arg(long, env = "LATCH_DPOP", value_parser = FalseyValueParser::new(), hide_short_help = true)]
    pub(crate) dpop: bool,

    /// That key: a file, made if it is not there, or the name of a key as in --client-key-file [default: a file for each profile and provider]
    #[arg(long, env = "LATCH_DPOP_KEY_FILE", value_name = "FILE|URI", hide_short_help = true)]
    pub(crate) dpop_key_file: Option<KeyPlace>,

    /// Rules that the provider and these settings must keep; what is missing is named
    #[arg(
        long,
        env = "LATCH_PROFILE_OF",
        value_name = "RULES",
        hide_short_help = true,
        value_enum
    )]
    pub(crate) profile_of: Option<SecurityProfile>,

    /// Sign the authorization request with --client-key-file (RFC 9101)
    #[arg(long, env = "LATCH_REQUEST_OBJECT", value_parser = FalseyValueParser::new(), hide_short_help = true)]
    pub(crate) request_object: bool,

    /// File with the key that ID tokens are encrypted for (RFC 7516): PEM or JSON Web Key, on P-256
    #[arg(long, env = "LATCH_DECRYPTION_KEY_FILE", value_name = "FILE", hide_short_help = true)]
    pub(crate) decryption_key_file: Option<PathBuf>,

    /// How the provider answers the authorization request; with jwt, only a signed answer counts
    #[arg(
        long,
        env = "LATCH_RESPONSE_MODE",
        value_name = "MODE",
        hide_short_help = true,
        value_enum
    )]
    pub(crate) response_mode: Option<ResponseMode>,

    /// JSON file with what to ask for in detail (RFC 9396)
    #[arg(long, env = "LATCH_AUTHORIZATION_DETAILS", value_name = "FILE", hide_short_help = true)]
    pub(crate) authorization_details: Option<PathBuf>,
}
