//! Sessions without a login.

use serde_json::{Value, json};

use crate::standins::issuing;
use crate::standins::shared::Shared;
use crate::standins::state::sessions::Grant;

/// What a program would have stored after a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgedSession {
    /// Access token, valid as long as one that was granted now.
    pub access_token: String,
    /// Refresh token, valid until it is replaced or revoked.
    pub refresh_token: String,
    /// Lifetime of the access token, in seconds.
    pub expires_in: u64,
    /// Scope as given.
    pub scope: String,
    /// The user's id: `sub`, or Hexclave's `id`.
    pub user_id: String,
}

impl ForgedSession {
    pub(crate) fn document(&self) -> Value {
        json!({
            "access_token": self.access_token,
            "refresh_token": self.refresh_token,
            "token_type": "Bearer",
            "expires_in": self.expires_in,
            "scope": self.scope,
            "user_id": self.user_id,
        })
    }
}

pub(crate) fn forge(shared: &Shared, name: &str, scope: &str) -> ForgedSession {
    let state = &mut shared.state();
    let user = state.users.named(name);
    let session = state.sessions.open(Grant {
        user,
        client_id: shared.options.client_id.clone(),
        scopes: scope.split_whitespace().map(str::to_owned).collect(),
        nonce: None,
        auth_time: shared.now_ms() / 1000,
        claims: serde_json::Map::new(),
    });
    ForgedSession {
        access_token: issuing::access_token(shared, state, session),
        refresh_token: state.sessions.issue_refresh_token(session),
        expires_in: shared.access_ttl(),
        scope: scope.to_owned(),
        user_id: issuing::subject(shared, state, user),
    }
}
