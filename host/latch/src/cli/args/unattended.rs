//! Arguments about grants without a user, and about proofs of who the client is.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::opaque::opaque;
use crate::cli::choices::{Grant, KeyAlgorithm};
use crate::cli::keys::KeyPlace;

// No doc comment: it would replace the command's own description in the help.
#[derive(ClapArgs, Clone, Default)]
#[command(next_help_heading = "Without a user")]
pub(crate) struct UnattendedArgs {
    /// How tokens are granted; all but user need no login
    #[arg(long, env = "LATCH_GRANT", value_name = "GRANT", value_enum, hide_short_help = true)]
    pub(crate) grant: Option<Grant>,

    /// Where the assertion of --grant jwt-bearer is: file:PATH, env:NAME, command:WORDS, github or gcp
    #[arg(long, env = "LATCH_ASSERTION", value_name = "PLACE", hide_short_help = true)]
    pub(crate) assertion: Option<String>,

    /// The same as --assertion file:PATH
    #[arg(
        long,
        env = "LATCH_ASSERTION_FILE",
        value_name = "FILE",
        hide_short_help = true,
        conflicts_with = "assertion"
    )]
    pub(crate) assertion_file: Option<PathBuf>,

    /// Where the token is that --grant token-exchange exchanges: a place as in --assertion
    #[arg(long, env = "LATCH_SUBJECT_TOKEN", value_name = "PLACE", hide_short_help = true)]
    pub(crate) subject_token: Option<String>,

    /// The same as --subject-token file:PATH
    #[arg(
        long,
        env = "LATCH_SUBJECT_TOKEN_FILE",
        value_name = "FILE",
        hide_short_help = true,
        conflicts_with = "subject_token"
    )]
    pub(crate) subject_token_file: Option<PathBuf>,

    /// Profile whose token is exchanged
    #[arg(
        long,
        env = "LATCH_SUBJECT_PROFILE",
        value_name = "NAME",
        hide_short_help = true,
        conflicts_with_all = ["subject_token", "subject_token_file"]
    )]
    pub(crate) subject_profile: Option<String>,

    /// Type of the token that is exchanged: access_token, id_token, jwt, or a URN [default: access_token of a profile, else jwt]
    #[arg(long, env = "LATCH_SUBJECT_TOKEN_TYPE", value_name = "TYPE", hide_short_help = true)]
    pub(crate) subject_token_type: Option<String>,

    /// Type of the token to get for it [default: what the provider decides]
    #[arg(long, env = "LATCH_REQUESTED_TOKEN_TYPE", value_name = "TYPE", hide_short_help = true)]
    pub(crate) requested_token_type: Option<String>,

    /// Issuer of your identity provider, for --grant id-jag; --subject-profile names it otherwise
    #[arg(
        long,
        env = "LATCH_IDP_ISSUER",
        value_name = "URL",
        hide_short_help = true,
        requires = "idp_client_id",
        conflicts_with = "subject_profile"
    )]
    pub(crate) idp_issuer: Option<String>,

    /// Client ID at your identity provider
    #[arg(
        long,
        env = "LATCH_IDP_CLIENT_ID",
        value_name = "ID",
        allow_hyphen_values = true,
        value_parser = opaque,
        hide_short_help = true,
        requires = "idp_issuer"
    )]
    pub(crate) idp_client_id: Option<String>,

    /// Where the assertion of --client-auth assertion is: a place as in --assertion
    #[arg(long, env = "LATCH_CLIENT_ASSERTION", value_name = "PLACE", hide_short_help = true)]
    pub(crate) client_assertion: Option<String>,

    /// Audience of assertions, where latch asks for one or signs one [default: the issuer]
    #[arg(long, env = "LATCH_ASSERTION_AUDIENCE", value_name = "NAME", hide_short_help = true)]
    pub(crate) assertion_audience: Option<String>,

    /// Key that the client signs with: a file (PEM or JSON Web Key), pkcs11:... (RFC 7512), ssh-agent:SHA256:... or ssh-agent:COMMENT
    #[arg(long, env = "LATCH_CLIENT_KEY_FILE", value_name = "FILE|URI", hide_short_help = true)]
    pub(crate) client_key_file: Option<KeyPlace>,

    /// Identifier of that key, as registered at the provider [default: the one in the JSON Web Key]
    #[arg(long, env = "LATCH_CLIENT_KEY_ID", value_name = "ID", hide_short_help = true)]
    pub(crate) client_key_id: Option<String>,

    /// Signature algorithm [default: what fits the key]
    #[arg(
        long,
        env = "LATCH_CLIENT_KEY_ALGORITHM",
        value_name = "ALGORITHM",
        hide_short_help = true,
        value_enum
    )]
    pub(crate) client_key_algorithm: Option<KeyAlgorithm>,
}
