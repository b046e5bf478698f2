//! Settings of a stand-in.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Settings of all systems. Each system uses those that apply to it.
///
/// The default is a free port, the system's clock, and each system's own lifetimes and
/// redirect URIs.
#[derive(Clone)]
pub struct Options {
    /// Port on 127.0.0.1. Zero: a free one.
    pub port: u16,
    /// The registered client. Hexclave has none, and the mock accepts every client.
    pub client_id: String,
    /// The project of Hexclave and Stytch.
    pub project_id: String,
    /// Hexclave's publishable key, compared with the one that is sent, if any.
    pub publishable_key: String,
    /// Whether Hexclave requires the publishable key.
    pub requires_publishable_key: bool,
    /// Registered redirect URIs of AuthGate and Fief, compared exactly. Empty: the
    /// system's usual ones.
    pub redirect_uris: Vec<String>,
    /// Whether AuthGate signs with RS256 and publishes its keys. Its default is HS256
    /// with its own secret, which no client can check.
    pub publishes_keys: bool,
    /// Whether AuthGate and the mock rotate refresh tokens. Stytch and Fief always do,
    /// and Hexclave never does.
    pub rotates_refresh_tokens: bool,
    /// Path of Fief's tenant, such as `/tenant`. Empty: its first one.
    pub tenant: String,
    /// Lifetime of access tokens, in seconds. `None`: the system's own.
    pub access_ttl: Option<u64>,
    /// The clock, in milliseconds since 1970-01-01T00:00:00Z.
    pub now: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            client_id: "cli-app".into(),
            project_id: "demo-project".into(),
            publishable_key: "pck-demo".into(),
            requires_publishable_key: false,
            redirect_uris: Vec::new(),
            publishes_keys: false,
            rotates_refresh_tokens: false,
            tenant: String::new(),
            access_ttl: None,
            now: Arc::new(system_now),
        }
    }
}

fn system_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
