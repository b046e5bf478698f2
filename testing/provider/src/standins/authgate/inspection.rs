//! Introspection, tokeninfo and userinfo.

use crate::{Answer, Asked, Parameters};
use serde_json::{Value, json};

use crate::standins::bearer::bearer;
use crate::standins::grants::{Refusal, required};
use crate::standins::shared::Shared;
use crate::standins::state::sessions::Bearer;

/// Endpoint `/oauth/introspect` (RFC 7662), only for the registered client.
pub(super) fn introspect(shared: &Shared, form: &Parameters) -> Result<Value, Refusal> {
    if form.one("client_id") != Some(&shared.options.client_id) {
        return Err(Refusal::new("invalid_client", "this client is not known here"));
    }
    let token = required(form.one("token"), "token")?;
    let state = &shared.state();
    let Bearer::Good(session, expires_at_ms) = state.sessions.bearer(token, shared.now_ms()) else {
        return Ok(json!({ "active": false }));
    };
    let grant = state.sessions.grant(session);
    let user = state.users.user(grant.user);
    Ok(json!({
        "active": true,
        "token_type": "Bearer",
        "sub": user.id,
        "username": user.name,
        "client_id": grant.client_id,
        "scope": grant.scopes.join(" "),
        "exp": expires_at_ms / 1000,
        "iss": shared.url,
    }))
}

/// Endpoint `/oauth/tokeninfo`, AuthGate's own: describes the token in the header.
pub(super) fn token_info(shared: &Shared, asked: &Asked) -> Answer {
    let state = &shared.state();
    let (session, expires_at_ms) = match bearer(shared, state, asked) {
        Ok(good) => good,
        Err(refusal) => return refusal,
    };
    let grant = state.sessions.grant(session);
    let token = json!({
        "active": true,
        "user_id": state.users.user(grant.user).id,
        "client_id": grant.client_id,
        "scope": grant.scopes.join(" "),
        "exp": expires_at_ms / 1000,
        "iss": shared.url,
        "subject_type": "user",
    });
    Answer::json(200, &token).not_stored()
}

/// Endpoint `/oauth/userinfo`, with or without the scope `openid`.
pub(super) fn user_info(shared: &Shared, asked: &Asked) -> Answer {
    let state = &shared.state();
    let (session, _) = match bearer(shared, state, asked) {
        Ok(good) => good,
        Err(refusal) => return refusal,
    };
    let grant = state.sessions.grant(session);
    let mut claims = state.users.user(grant.user).claims(&grant.scopes);
    claims.insert("iss".into(), json!(shared.url));
    Answer::json(200, &Value::Object(claims)).not_stored()
}
