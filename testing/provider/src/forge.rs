//! Sessions without a login.

use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::dialect::Dialect;
use crate::state::sessions::Grant;
use crate::tokens::{self, Issuance};

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

/// Creates a session as if a user of that name had logged in before.
pub(crate) fn forge(
    dialect: &Dialect,
    context: &Context,
    name: &str,
    scope: &str,
) -> ForgedSession {
    let state = &mut context.state();
    let user = state.users.named(name);
    let scopes: Vec<_> = scope.split_whitespace().map(str::to_owned).collect();
    let session = state.sessions.open(Grant {
        user,
        client_id: context.client_id.clone(),
        scopes: scopes.clone(),
        resources: Vec::new(),
        nonce: None,
        auth_time: context.now_ms() / 1000,
        claims: Map::new(),
    });
    let issuer = &context.issuer;
    let issuance = Issuance { session, scopes, issuer, code: None, is_renewed: false };
    let access_token = tokens::access_token(dialect.access_token, context, state, &issuance);
    let claims = (dialect.userinfo)(&issuance.login(state));
    ForgedSession {
        access_token,
        refresh_token: state.sessions.issue_refresh_token(session),
        expires_in: context.expires_in,
        scope: scope.to_owned(),
        user_id: claims["sub"].as_str().unwrap_or_default().to_owned(),
    }
}
