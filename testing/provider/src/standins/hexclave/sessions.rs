//! Sessions and their users.

use crate::{Answer, Asked};
use serde_json::{Map, Value, json};

use super::errors::Error;
use super::header;
use crate::standins::misbehaviour::Misbehaviour;
use crate::standins::shared::Shared;
use crate::standins::state::State;
use crate::standins::state::sessions::{Bearer, Grant, Renewal, SessionId};
use crate::standins::state::users::UserId;
use crate::standins::tokens;

/// Opens a session for an anonymous user.
pub(super) fn sign_up_anonymously(shared: &Shared) -> Answer {
    let state = &mut shared.state();
    let user = state.users.anonymous();
    let (_, mut tokens) = open(shared, state, user);
    tokens.insert("user_id".into(), json!(state.users.user(user).id));
    Answer::json(200, &Value::Object(tokens))
}

/// Issues an access token. The refresh token stays valid.
pub(super) fn refresh(shared: &Shared, asked: &Asked) -> Result<Answer, Error> {
    let state = &mut shared.state();
    let session = live(state, header(asked, "refresh-token"))?;
    let access_token = access_token(shared, state, session);
    Ok(Answer::json(200, &json!({ "access_token": access_token })))
}

pub(super) fn sign_out(shared: &Shared, asked: &Asked) -> Result<Answer, Error> {
    let state = &mut shared.state();
    let session = match (header(asked, "refresh-token"), header(asked, "access-token")) {
        (None, Some(access_token)) => bearer(shared, state, access_token)?,
        (refresh_token, _) => live(state, refresh_token)?,
    };
    state.sessions.revoke(session);
    Ok(Answer::json(200, &json!({ "success": true })))
}

/// Endpoint `/users/me`.
pub(super) fn me(shared: &Shared, asked: &Asked) -> Result<Answer, Error> {
    if shared.does(Misbehaviour::UserinfoDown) {
        return Err(Error::SERVICE_UNAVAILABLE);
    }
    let access_token = header(asked, "access-token").ok_or(Error::NO_USER)?;
    let state = &shared.state();
    let session = bearer(shared, state, access_token)?;
    let user = state.users.user(state.sessions.grant(session).user);
    let me = json!({
        "id": user.id,
        "display_name": user.name,
        "primary_email": user.email(),
        "is_anonymous": user.name.is_none(),
    });
    Ok(Answer::json(200, &me))
}

/// Opens a session. Returns its refresh token, and both of its tokens.
pub(super) fn open(
    shared: &Shared,
    state: &mut State,
    user: UserId,
) -> (String, Map<String, Value>) {
    let session = state.sessions.open(Grant {
        user,
        client_id: shared.options.project_id.clone(),
        scopes: Vec::new(),
        nonce: None,
        auth_time: shared.now_ms() / 1000,
        claims: Map::new(),
    });
    let refresh_token = state.sessions.issue_refresh_token(session);
    let access_token = access_token(shared, state, session);
    let tokens = json!({ "access_token": access_token, "refresh_token": refresh_token });
    (refresh_token, tokens::members(tokens))
}

/// Returns the session of a valid refresh token.
pub(super) fn live(state: &State, refresh_token: Option<&str>) -> Result<SessionId, Error> {
    match refresh_token.map(|token| state.sessions.renewal(token)) {
        Some(Renewal::Good(session)) => Ok(session),
        _ => Err(Error::REFRESH_TOKEN_NOT_FOUND_OR_EXPIRED),
    }
}

pub(crate) fn access_token(shared: &Shared, state: &mut State, session: SessionId) -> String {
    let user = state.users.user(state.sessions.grant(session).user);
    let more = tokens::members(json!({
        "aud": shared.options.project_id,
        "name": user.name,
        "email": user.email(),
        "is_anonymous": user.name.is_none(),
    }));
    let issuer = format!("{}/api/v1/projects/{}", shared.url, shared.options.project_id);
    tokens::access_token(shared, state, session, &issuer, more)
}

fn bearer(shared: &Shared, state: &State, access_token: &str) -> Result<SessionId, Error> {
    match state.sessions.bearer(access_token, shared.now_ms()) {
        Bearer::Good(session, _) => Ok(session),
        Bearer::Expired => Err(Error::ACCESS_TOKEN_EXPIRED),
        Bearer::Revoked => Err(Error::USER_AUTHENTICATION_REQUIRED),
        Bearer::Unknown => Err(Error::UNPARSABLE_ACCESS_TOKEN),
    }
}
