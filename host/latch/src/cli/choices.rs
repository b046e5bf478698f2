//! What an argument or a setting may be one of.

use clap::ValueEnum;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MoveTarget {
    /// The keyring of this machine
    Keyring,
    /// A file that only you can read
    File,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum StoreChoice {
    /// The keyring where there is one that answers, else a file
    Auto,
    /// The keyring of this machine, and nothing else
    Keyring,
    /// A file that only you can read
    File,
    /// Nowhere: gone when the program ends
    Memory,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ClientAuth {
    /// A public client, without a secret
    None,
    /// Id and secret in a header (RFC 6749 §2.3.1)
    #[value(name = "client_secret_basic")]
    ClientSecretBasic,
    /// Id and secret in the body
    #[value(name = "client_secret_post")]
    ClientSecretPost,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Pkce {
    /// As the provider's metadata says; a login tells where it does not say so
    Discovered,
    /// The provider supports it, whatever its metadata says
    Known,
    /// Refuse a provider whose metadata does not list S256
    Required,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Flow {
    /// What fits this machine
    Auto,
    /// A browser on this machine
    Browser,
    /// A browser anywhere, whose last address you paste here
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
    /// The token and what is known of it
    Json,
    /// A header line for HTTP
    Header,
}
