//! Arguments about the provider and the client.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use clap::builder::FalseyValueParser;

use super::opaque::opaque;
use super::preset::PresetArgs;
use super::{SecurityArgs, UnattendedArgs};
use crate::cli::choices::{ClientAuth, Pkce};

// The provider, the client, and what to request.
//
// No doc comment: it would replace the command's own description in the help.
#[derive(ClapArgs, Clone, Default)]
#[command(next_help_heading = "Provider")]
pub(crate) struct ProviderArgs {
    #[command(flatten)]
    pub(crate) preset: PresetArgs,

    /// Issuer URL of the provider; cannot be combined with a preset
    #[arg(long, env = "LATCH_ISSUER", value_name = "URL", conflicts_with = "provider")]
    pub(crate) issuer: Option<String>,

    /// URL of an MCP server or another protected resource, which names its provider (RFC 9728)
    #[arg(long, env = "LATCH_RESOURCE_URL", value_name = "URL", conflicts_with = "provider")]
    pub(crate) resource_url: Option<String>,

    /// Client ID, as registered at the provider
    #[arg(
        long,
        env = "LATCH_CLIENT_ID",
        value_name = "ID",
        allow_hyphen_values = true,
        value_parser = opaque
    )]
    pub(crate) client_id: Option<String>,

    /// URL of a client ID metadata document, for providers that take one instead of a registration
    #[arg(long, env = "LATCH_CLIENT_METADATA_URL", value_name = "URL", hide_short_help = true)]
    pub(crate) client_metadata_url: Option<String>,

    /// Scope to request; may be repeated
    #[arg(long = "scope", env = "LATCH_SCOPE", value_name = "SCOPE", value_delimiter = ' ')]
    pub(crate) scopes: Vec<String>,

    /// Resource that the token is for (RFC 8707); may be repeated for a login
    #[arg(
        long = "resource",
        env = "LATCH_RESOURCE",
        value_name = "URI",
        value_delimiter = ' ',
        hide_short_help = true
    )]
    pub(crate) resources: Vec<String>,

    /// Audience that the token is for, if not the login's: sent when the token is refreshed, to providers that give one token for each audience
    #[arg(long, env = "LATCH_AUDIENCE", value_name = "NAME", hide_short_help = true)]
    pub(crate) audience: Option<String>,

    /// Origin that `latch request` and `latch credential` may send the token to, such as https://*.example.com; may be repeated
    #[arg(
        long = "api-origin",
        env = "LATCH_API_ORIGIN",
        value_name = "URL",
        value_delimiter = ' ',
        hide_short_help = true
    )]
    pub(crate) api_origins: Vec<String>,

    /// User name that `latch credential` gives beside the token [default: oauth2]
    #[arg(long, env = "LATCH_HELPER_USERNAME", value_name = "NAME", hide_short_help = true)]
    pub(crate) helper_username: Option<String>,

    /// File with the client secret; or set LATCH_CLIENT_SECRET
    #[arg(long, env = "LATCH_CLIENT_SECRET_FILE", value_name = "FILE")]
    pub(crate) client_secret_file: Option<PathBuf>,

    /// PEM file with certificates to trust in addition to the system's
    #[arg(long, env = "LATCH_CA_FILE", value_name = "FILE", hide_short_help = true)]
    pub(crate) ca_file: Option<PathBuf>,

    /// PEM file with the client certificate, for a provider that requires one (mutual TLS)
    #[arg(long, env = "LATCH_CLIENT_CERT", value_name = "FILE", hide_short_help = true)]
    pub(crate) client_cert: Option<PathBuf>,

    /// PEM file with the private key of the client certificate [default: the same file]
    #[arg(long, env = "LATCH_CLIENT_KEY", value_name = "FILE", hide_short_help = true)]
    pub(crate) client_key: Option<PathBuf>,

    /// How the client authenticates [default: the preset's method, else what the provider prefers]
    #[arg(
        long,
        env = "LATCH_CLIENT_AUTH",
        value_name = "METHOD",
        hide_short_help = true,
        value_enum
    )]
    pub(crate) client_auth: Option<ClientAuth>,

    /// Whether the provider supports PKCE (RFC 7636) [default: the preset's value, else discovered]
    #[arg(long, env = "LATCH_PKCE", value_name = "SUPPORT", hide_short_help = true, value_enum)]
    pub(crate) pkce: Option<Pkce>,

    /// Do not fetch the provider's metadata
    #[arg(long, env = "LATCH_NO_DISCOVERY", value_parser = FalseyValueParser::new(), hide_short_help = true)]
    pub(crate) no_discovery: bool,

    /// Authorization endpoint, where the browser logs in; overrides the metadata, as do the endpoints below
    #[arg(long, env = "LATCH_AUTHORIZATION_ENDPOINT", value_name = "URL", hide_short_help = true)]
    pub(crate) authorization_endpoint: Option<String>,

    /// Token endpoint, which exchanges codes and refresh tokens
    #[arg(long, env = "LATCH_TOKEN_ENDPOINT", value_name = "URL", hide_short_help = true)]
    pub(crate) token_endpoint: Option<String>,

    /// Userinfo endpoint, which says who is logged in
    #[arg(long, env = "LATCH_USERINFO_ENDPOINT", value_name = "URL", hide_short_help = true)]
    pub(crate) userinfo_endpoint: Option<String>,

    /// Revocation endpoint, which revokes tokens (RFC 7009)
    #[arg(long, env = "LATCH_REVOCATION_ENDPOINT", value_name = "URL", hide_short_help = true)]
    pub(crate) revocation_endpoint: Option<String>,

    /// Device authorization endpoint, which issues codes for other devices (RFC 8628)
    #[arg(
        long,
        env = "LATCH_DEVICE_AUTHORIZATION_ENDPOINT",
        value_name = "URL",
        hide_short_help = true
    )]
    pub(crate) device_authorization_endpoint: Option<String>,

    /// URI of the JWK Set with the provider's signing keys
    #[arg(long, env = "LATCH_JWKS_URI", value_name = "URL", hide_short_help = true)]
    pub(crate) jwks_uri: Option<String>,

    /// End-session endpoint, where a browser ends the session at the provider
    #[arg(long, env = "LATCH_END_SESSION_ENDPOINT", value_name = "URL", hide_short_help = true)]
    pub(crate) end_session_endpoint: Option<String>,

    /// Introspection endpoint, which describes a token (RFC 7662)
    #[arg(long, env = "LATCH_INTROSPECTION_ENDPOINT", value_name = "URL", hide_short_help = true)]
    pub(crate) introspection_endpoint: Option<String>,

    /// Tokeninfo endpoint, which describes the access token sent to it
    #[arg(long, env = "LATCH_TOKENINFO_ENDPOINT", value_name = "URL", hide_short_help = true)]
    pub(crate) tokeninfo_endpoint: Option<String>,

    #[command(flatten)]
    pub(crate) security: SecurityArgs,

    #[command(flatten)]
    pub(crate) unattended: UnattendedArgs,
}
