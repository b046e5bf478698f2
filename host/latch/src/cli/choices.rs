//! The values of arguments and settings that have a fixed list of them.

use clap::ValueEnum;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ClientAuth {
    /// A public client, without a secret
    None,
    /// Client ID and secret in a header (RFC 6749 §2.3.1)
    #[value(name = "client_secret_basic")]
    ClientSecretBasic,
    /// Client ID and secret in the body
    #[value(name = "client_secret_post")]
    ClientSecretPost,
    /// An assertion that is signed with the secret (RFC 7523)
    #[value(name = "client_secret_jwt")]
    ClientSecretJwt,
    /// An assertion that is signed with --client-key-file
    #[value(name = "private_key_jwt")]
    PrivateKeyJwt,
    /// An assertion of another issuer: see --client-assertion
    Assertion,
    /// The certificate of --client-cert (RFC 8705)
    #[serde(rename = "tls_client_auth")]
    #[value(name = "tls_client_auth", alias = "self_signed_tls_client_auth")]
    Certificate,
}

/// Rules that a login keeps besides its own.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SecurityProfile {
    /// The security profile of FAPI 2.0, which banks use
    Fapi2,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ResponseMode {
    /// Signed (JARM)
    Jwt,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Grant {
    /// You log in
    User,
    /// The client asks for itself (RFC 6749 §4.4)
    ClientCredentials,
    /// An assertion says whom the token is for (RFC 7523)
    JwtBearer,
    /// Another token is exchanged (RFC 8693)
    TokenExchange,
    /// Your identity provider says that you may use the application (ID-JAG)
    IdJag,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize, serde::Deserialize)]
pub(crate) enum KeyAlgorithm {
    #[value(name = "ES256")]
    #[serde(rename = "ES256")]
    Es256,
    #[value(name = "EdDSA")]
    #[serde(rename = "EdDSA")]
    EdDsa,
    #[value(name = "PS256")]
    #[serde(rename = "PS256")]
    Ps256,
    #[value(name = "RS256")]
    #[serde(rename = "RS256")]
    Rs256,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Pkce {
    /// As the provider's metadata says; login prints a notice if the metadata does not say
    Discovered,
    /// The provider supports it, whatever its metadata says
    Known,
    /// Refuse a provider whose metadata does not list S256
    Required,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Flow {
    /// Whatever fits this machine and the provider
    Auto,
    /// A browser on this machine
    Browser,
    /// A browser anywhere: you paste the address it ends on
    Paste,
    /// A code that you enter on another device
    Device,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize, serde::Deserialize)]
pub(crate) enum RedirectHost {
    #[value(name = "127.0.0.1")]
    #[serde(rename = "127.0.0.1")]
    Ipv4,
    #[value(name = "localhost")]
    #[serde(rename = "localhost")]
    Localhost,
    #[value(name = "[::1]")]
    #[serde(rename = "[::1]")]
    Ipv6,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TokenOutput {
    /// The token alone
    Token,
    /// The token with everything known about it
    Json,
    /// A header line for HTTP
    Header,
}
