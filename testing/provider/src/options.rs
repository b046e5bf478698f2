//! Settings of a provider.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// What the administrator of a provider sets. Each dialect uses the settings that apply to
/// it.
///
/// The default is a free port, the system's clock, and everything else as the dialect has
/// it.
#[derive(Clone)]
pub struct Options {
    /// Port on 127.0.0.1. Zero: a free one.
    pub port: u16,
    /// The registered client (RFC 6749 §2.2). `None`: the dialect's own.
    pub client_id: Option<String>,
    /// Authentication method of the client.
    pub authentication: ClientAuthentication,
    /// Registered redirect URIs. Empty: the dialect's own.
    pub redirect_uris: Vec<String>,
    /// Lifetime of access tokens and ID tokens, in seconds. `None`: the dialect's own.
    pub expires_in: Option<u64>,
    /// Whether each refresh returns a new refresh token and invalidates the old one (RFC
    /// 9700 §4.14.2). `None`: as the dialect does.
    pub rotates_refresh_tokens: Option<bool>,
    /// The project of Hexclave and Stytch.
    pub project_id: String,
    /// Hexclave's publishable key, compared with the one that is sent, if any.
    pub publishable_key: String,
    /// Whether Hexclave requires the publishable key.
    pub requires_publishable_key: bool,
    /// Path of Fief's tenant, such as `/tenant`. Empty: its first one.
    pub tenant: String,
    /// The clock, in milliseconds since 1970-01-01T00:00:00Z.
    pub now: Arc<dyn Fn() -> u64 + Send + Sync>,
}

/// Client authentication method, with the client's secret (OpenID Connect Core §9).
#[derive(Clone)]
pub enum ClientAuthentication {
    /// A public client: `client_id` in the body.
    None,
    /// Client id and secret in the `Authorization` header (RFC 6749 §2.3.1).
    ClientSecretBasic(String),
    /// Client id and secret in the body (RFC 6749 §2.3.1).
    ClientSecretPost(String),
}

impl ClientAuthentication {
    /// The method's registered name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic(_) => "client_secret_basic",
            Self::ClientSecretPost(_) => "client_secret_post",
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            client_id: None,
            authentication: ClientAuthentication::None,
            redirect_uris: Vec::new(),
            expires_in: None,
            rotates_refresh_tokens: None,
            project_id: "demo-project".into(),
            publishable_key: "pck-demo".into(),
            requires_publishable_key: false,
            tenant: String::new(),
            now: Arc::new(system_now),
        }
    }
}

fn system_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
