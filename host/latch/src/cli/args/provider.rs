//! The provider's part of the command line.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use clap::builder::FalseyValueParser;

use super::preset::PresetArgs;
use crate::cli::choices::{ClientAuth, Pkce};

// The provider, the client, and what to ask for.
//
// No doc comment: it would take the place of what a command says of itself.
#[derive(ClapArgs, Default)]
#[command(next_help_heading = "Provider")]
pub(crate) struct ProviderArgs {
    #[command(flatten)]
    pub(crate) preset: PresetArgs,

    /// The provider's issuer identifier
    #[arg(long, env = "LATCH_ISSUER", value_name = "URL", conflicts_with = "provider")]
    pub(crate) issuer: Option<String>,

    /// The client id that the provider registered
    #[arg(long, env = "LATCH_CLIENT_ID", value_name = "ID")]
    pub(crate) client_id: Option<String>,

    /// A scope to ask for; may be repeated
    #[arg(long = "scope", env = "LATCH_SCOPE", value_name = "SCOPE", value_delimiter = ' ')]
    pub(crate) scopes: Vec<String>,

    /// A resource that the token is for (RFC 8707); may be repeated
    #[arg(long = "resource", env = "LATCH_RESOURCE", value_name = "URI", value_delimiter = ' ')]
    pub(crate) resources: Vec<String>,

    /// An origin that `latch request` may send the token to, beside the issuer's own and the resources'; may be repeated
    #[arg(
        long = "api-origin",
        env = "LATCH_API_ORIGIN",
        value_name = "URL",
        value_delimiter = ' '
    )]
    pub(crate) api_origins: Vec<String>,

    /// A file with the client secret; or set LATCH_CLIENT_SECRET
    #[arg(long, env = "LATCH_CLIENT_SECRET_FILE", value_name = "FILE")]
    pub(crate) client_secret_file: Option<PathBuf>,

    /// A PEM file with certificates to trust beside the system's own
    #[arg(long, env = "LATCH_CA_FILE", value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,

    /// A PEM file with the client's certificate, for a provider that asks for one (mutual TLS)
    #[arg(long, env = "LATCH_CLIENT_CERT", value_name = "FILE")]
    pub(crate) client_cert: Option<PathBuf>,

    /// A PEM file with the private key of that certificate [default: the same file]
    #[arg(long, env = "LATCH_CLIENT_KEY", value_name = "FILE")]
    pub(crate) client_key: Option<PathBuf>,

    /// How the client authenticates; by default what the provider prefers
    #[arg(long, env = "LATCH_CLIENT_AUTH", value_name = "METHOD", value_enum)]
    pub(crate) client_auth: Option<ClientAuth>,

    /// Whether the provider protects the login's code by PKCE (RFC 7636)
    #[arg(long, env = "LATCH_PKCE", value_name = "SUPPORT", value_enum)]
    pub(crate) pkce: Option<Pkce>,

    /// Do not fetch the issuer's metadata
    #[arg(long, env = "LATCH_NO_DISCOVERY", value_parser = FalseyValueParser::new())]
    pub(crate) no_discovery: bool,

    /// Where the browser goes to log in; wins over the metadata, as do those below
    #[arg(long, env = "LATCH_AUTHORIZATION_ENDPOINT", value_name = "URL")]
    pub(crate) authorization_endpoint: Option<String>,

    /// Where codes and refresh tokens are exchanged
    #[arg(long, env = "LATCH_TOKEN_ENDPOINT", value_name = "URL")]
    pub(crate) token_endpoint: Option<String>,

    /// Where to ask who is logged in
    #[arg(long, env = "LATCH_USERINFO_ENDPOINT", value_name = "URL")]
    pub(crate) userinfo_endpoint: Option<String>,

    /// Where tokens are revoked
    #[arg(long, env = "LATCH_REVOCATION_ENDPOINT", value_name = "URL")]
    pub(crate) revocation_endpoint: Option<String>,

    /// Where a code for another device is asked for
    #[arg(long, env = "LATCH_DEVICE_AUTHORIZATION_ENDPOINT", value_name = "URL")]
    pub(crate) device_authorization_endpoint: Option<String>,

    /// Where the provider's signing keys are
    #[arg(long, env = "LATCH_JWKS_URI", value_name = "URL")]
    pub(crate) jwks_uri: Option<String>,

    /// Where a browser ends the session at the provider
    #[arg(long, env = "LATCH_END_SESSION_ENDPOINT", value_name = "URL")]
    pub(crate) end_session_endpoint: Option<String>,

    /// Where to ask about a token (RFC 7662)
    #[arg(long, env = "LATCH_INTROSPECTION_ENDPOINT", value_name = "URL")]
    pub(crate) introspection_endpoint: Option<String>,

    /// Where a token that is presented is told about
    #[arg(long, env = "LATCH_TOKENINFO_ENDPOINT", value_name = "URL")]
    pub(crate) tokeninfo_endpoint: Option<String>,
}
