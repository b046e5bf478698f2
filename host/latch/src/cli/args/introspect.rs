//! Asking about a token.

use clap::Args as ClapArgs;
use clap::builder::FalseyValueParser;

use super::ProviderArgs;

#[derive(ClapArgs)]
pub(crate) struct IntrospectArgs {
    /// Ask the provider's tokeninfo endpoint instead of the one of RFC 7662
    #[arg(long, env = "LATCH_TOKENINFO", value_parser = FalseyValueParser::new())]
    pub(crate) tokeninfo: bool,

    /// Show the tokens themselves
    #[arg(long, env = "LATCH_SHOW_SECRETS", value_parser = FalseyValueParser::new())]
    pub(crate) show_secrets: bool,

    #[command(flatten)]
    pub(crate) provider: ProviderArgs,
}

// What the token is asked before it is printed.
//
// No doc comment: it would take the place of what a command says of itself.
#[derive(ClapArgs)]
#[command(next_help_heading = "Checks")]
pub(crate) struct CheckArgs {
    /// Ask the provider first whether it still accepts the token
    #[arg(long, env = "LATCH_VERIFY", value_parser = FalseyValueParser::new(), conflicts_with_all = ["check", "required_scopes", "required_acr", "required_permissions"])]
    pub(crate) verify: bool,

    /// Check the token here first: signature, issuer, time (for JSON Web Tokens)
    #[arg(long, env = "LATCH_CHECK", value_parser = FalseyValueParser::new())]
    pub(crate) check: bool,

    /// A scope that the token must have, checked here; may be repeated
    #[arg(
        long = "require-scope",
        env = "LATCH_REQUIRE_SCOPE",
        value_name = "SCOPE",
        value_delimiter = ' '
    )]
    pub(crate) required_scopes: Vec<String>,

    /// The authentication context that it must have at least, checked here
    #[arg(long = "require-acr", env = "LATCH_REQUIRE_ACR", value_name = "ACR")]
    pub(crate) required_acr: Option<String>,

    /// A permission that it must have, checked here; may be repeated
    #[arg(
        long = "require-permission",
        env = "LATCH_REQUIRE_PERMISSION",
        value_name = "NAME",
        value_delimiter = ' '
    )]
    pub(crate) required_permissions: Vec<String>,
}
