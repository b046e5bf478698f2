//! Settings of a provider.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Settings of the provider and of its one client.
///
/// The default is a public native client `demo` with the redirect path `/callback`, on a
/// free port, with the system's clock.
#[derive(Clone)]
pub struct Options {
    /// Port on 127.0.0.1. Zero: a free one.
    pub port: u16,
    /// Client identifier (RFC 6749 §2.2).
    pub client_id: String,
    /// Authentication method of the client at `/token` and `/revoke`.
    pub authentication: ClientAuthentication,
    /// Path of the redirect URIs, with its leading slash. The host is a loopback literal,
    /// and any port is accepted (RFC 8252 §7.3).
    pub redirect_path: String,
    /// Lifetime of access tokens and ID tokens, in seconds.
    pub expires_in: u64,
    /// Whether each refresh returns a new refresh token and invalidates the old one (RFC
    /// 9700 §4.14.2). If not, none is returned, and the old one stays valid.
    pub rotates_refresh_tokens: bool,
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
            client_id: "demo".into(),
            authentication: ClientAuthentication::None,
            redirect_path: "/callback".into(),
            expires_in: 3600,
            rotates_refresh_tokens: true,
            now: Arc::new(system_now),
        }
    }
}

fn system_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
