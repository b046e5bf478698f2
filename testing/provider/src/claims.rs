//! Claims about a login.

use serde_json::{Map, Value, json};

use crate::issuer::Issuer;
use crate::state::State;
use crate::state::sessions::{Good, Grant};
use crate::state::users::User;

/// A session, as a token or a response describes it.
pub(crate) struct Login<'a> {
    pub(crate) user: &'a User,
    pub(crate) grant: &'a Grant,
    /// Scopes of the token, which may be fewer than those of the grant.
    pub(crate) scopes: &'a [String],
    pub(crate) issuer: &'a Issuer,
    /// The code that the token was granted for.
    pub(crate) code: Option<&'a str>,
    /// Whether the token is renewed: no user was present.
    pub(crate) is_renewed: bool,
}

impl<'a> Login<'a> {
    /// The login of an access token that was sent.
    pub(crate) fn of_bearer(state: &'a State, good: &'a Good, issuer: &'a Issuer) -> Self {
        let grant = state.sessions.grant(good.session);
        Self {
            user: state.users.user(grant.user),
            grant,
            scopes: &good.scopes,
            issuer,
            code: None,
            is_renewed: false,
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.scopes.iter().any(|scope| scope == name)
    }
}

/// Claims that a dialect makes of a login.
pub(crate) type Claims = fn(&Login<'_>) -> Map<String, Value>;

/// Returns the claims that the scopes request, and `sub` (OpenID Connect Core §5.4).
pub(crate) fn by_scope(login: &Login<'_>, email_verified: bool) -> Map<String, Value> {
    let user = login.user;
    let mut claims = members(json!({ "sub": user.id }));
    if login.has("profile") {
        claims.insert("name".into(), json!(user.name));
        claims.insert("preferred_username".into(), json!(user.user_name()));
    }
    if login.has("email") {
        claims.insert("email".into(), json!(user.email()));
        claims.insert("email_verified".into(), json!(email_verified));
    }
    claims
}

/// Returns the members of a JSON object.
pub(crate) fn members(object: Value) -> Map<String, Value> {
    match object {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
