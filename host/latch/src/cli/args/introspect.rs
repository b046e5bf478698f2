//! Arguments that ask about a token.

use clap::Args as ClapArgs;
use clap::builder::FalseyValueParser;

use super::ProviderArgs;

#[derive(ClapArgs)]
pub(crate) struct IntrospectArgs {
    /// Ask the tokeninfo endpoint instead of the introspection endpoint (RFC 7662)
    #[arg(long, env = "LATCH_TOKENINFO", value_parser = FalseyValueParser::new())]
    pub(crate) tokeninfo: bool,

    /// Show the access token and the ID token in full
    #[arg(long, env = "LATCH_SHOW_SECRETS", value_parser = FalseyValueParser::new())]
    pub(crate) show_secrets: bool,

    #[command(flatten)]
    pub(crate) provider: ProviderArgs,
}

// Checks of the token before it is printed.
//
// No doc comment: it would replace the command's own description in the help.
#[derive(ClapArgs, Clone)]
#[command(next_help_heading = "Checks")]
pub(crate) struct CheckArgs {
    /// First ask the provider whether it still accepts the token; cannot be combined with the checks below
    #[arg(long, env = "LATCH_VERIFY", value_parser = FalseyValueParser::new(), conflicts_with_all = ["check", "required_scopes", "required_acr", "required_permissions"])]
    pub(crate) verify: bool,

    /// First check the token on this machine: signature, issuer and expiry (JSON Web Tokens only)
    #[arg(long, env = "LATCH_CHECK", value_parser = FalseyValueParser::new())]
    pub(crate) check: bool,

    /// Fail unless the token has this scope; checked on this machine; may be repeated
    #[arg(
        long = "require-scope",
        env = "LATCH_REQUIRE_SCOPE",
        value_name = "SCOPE",
        value_delimiter = ' '
    )]
    pub(crate) required_scopes: Vec<String>,

    /// Fail unless the token has at least this authentication context; checked on this machine
    #[arg(long = "require-acr", env = "LATCH_REQUIRE_ACR", value_name = "ACR")]
    pub(crate) required_acr: Option<String>,

    /// Fail unless the token has this permission; checked on this machine; may be repeated
    #[arg(
        long = "require-permission",
        env = "LATCH_REQUIRE_PERMISSION",
        value_name = "NAME",
        value_delimiter = ' '
    )]
    pub(crate) required_permissions: Vec<String>,
}
