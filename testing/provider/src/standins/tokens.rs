//! Access tokens, ID tokens and token responses.

use crate::random_text;
use serde_json::{Map, Value, json};

use crate::standins::misbehaviour::Misbehaviour;
use crate::standins::shared::Shared;
use crate::standins::state::State;
use crate::standins::state::sessions::SessionId;

/// Issues an access token with `iss`, `sub`, `iat`, `exp` and `jti`. `more` adds or
/// replaces claims.
pub(crate) fn access_token(
    shared: &Shared,
    state: &mut State,
    session: SessionId,
    issuer: &str,
    more: Map<String, Value>,
) -> String {
    let now_ms = shared.now_ms();
    let expires_at_ms = now_ms + shared.access_ttl() * 1000;
    let user = state.users.user(state.sessions.grant(session).user);
    let mut claims = members(json!({
        "iss": issuer,
        "sub": user.id,
        "iat": now_ms / 1000,
        "exp": expires_at_ms / 1000,
        // Tokens that are issued in the same second must differ.
        "jti": random_text(),
    }));
    claims.extend(more);
    let token = shared.signer.sign(&Value::Object(claims));
    state.sessions.keep_access_token(session, &token, expires_at_ms);
    token
}

/// Returns an ID token with the usual claims (OpenID Connect Core §2). `more` adds or
/// replaces claims.
pub(crate) fn id_token(
    shared: &Shared,
    state: &State,
    session: SessionId,
    issuer: &str,
    more: Map<String, Value>,
) -> String {
    let now = shared.now_ms() / 1000;
    let grant = state.sessions.grant(session);
    let mut claims = state.users.user(grant.user).claims(&grant.scopes);
    claims.extend(members(json!({
        "iss": issuer,
        "aud": grant.client_id,
        "iat": now,
        "exp": now + shared.access_ttl(),
        "auth_time": grant.auth_time,
    })));
    if shared.does(Misbehaviour::WrongNonce) {
        claims.insert("nonce".into(), json!("the nonce of another login"));
    } else if let Some(nonce) = &grant.nonce {
        claims.insert("nonce".into(), json!(nonce));
    }
    claims.extend(more);
    shared.signer.sign(&Value::Object(claims))
}

/// The claim `at_hash` (OpenID Connect Core §3.1.3.6).
pub(crate) fn at_hash(shared: &Shared, access_token: &str) -> String {
    let bad = shared.does(Misbehaviour::BadAtHash);
    crate::at_hash(if bad { "another access token" } else { access_token })
}

/// Returns a token response without refresh token and ID token.
pub(crate) fn response(
    shared: &Shared,
    state: &State,
    session: SessionId,
    access_token: &str,
) -> Map<String, Value> {
    members(json!({
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": shared.access_ttl(),
        "scope": state.sessions.grant(session).scopes.join(" "),
    }))
}

/// Returns the members of a JSON object.
pub(crate) fn members(object: Value) -> Map<String, Value> {
    match object {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
