//! Sessions and their users.

use serde_json::{Map, Value, json};

use super::api::header;
use super::errors::Error;
use crate::answer::Answer;
use crate::asked::Asked;
use crate::claims::{Login, members};
use crate::context::Context;
use crate::dialect::AccessToken;
use crate::state::State;
use crate::state::sessions::{Bearer, Grant, Renewal, SessionId};
use crate::state::users::UserId;
use crate::tokens::{self, Issuance};

/// Opens a session for an anonymous user.
pub(super) fn sign_up_anonymously(context: &Context, _: &Asked) -> Result<Answer, Error> {
    let state = &mut context.state();
    let user = state.users.anonymous();
    let (_, mut tokens) = open(context, state, user);
    tokens.insert("user_id".into(), json!(state.users.user(user).id));
    Ok(Answer::json(200, &Value::Object(tokens)))
}

/// Issues an access token. The refresh token stays valid.
pub(super) fn refresh(context: &Context, asked: &Asked) -> Result<Answer, Error> {
    let state = &mut context.state();
    let session = live(state, header(asked, "refresh-token"))?;
    let access_token = access_token(context, state, session);
    Ok(Answer::json(200, &json!({ "access_token": access_token })))
}

pub(super) fn sign_out(context: &Context, asked: &Asked) -> Result<Answer, Error> {
    let state = &mut context.state();
    let session = live(state, header(asked, "refresh-token"))?;
    state.sessions.revoke(session);
    Ok(Answer::json(200, &json!({ "success": true })))
}

/// Endpoint `/users/me`.
pub(super) fn me(context: &Context, asked: &Asked) -> Result<Answer, Error> {
    let access_token = header(asked, "access-token").ok_or(Error::NO_USER)?;
    let state = &context.state();
    let session = bearer(context, state, access_token)?;
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
    context: &Context,
    state: &mut State,
    user: UserId,
) -> (String, Map<String, Value>) {
    let session = state.sessions.open(Grant {
        user,
        client_id: context.options.project_id.clone(),
        scopes: Vec::new(),
        resources: Vec::new(),
        nonce: None,
        auth_time: context.now_ms() / 1000,
        claims: Map::new(),
    });
    let refresh_token = state.sessions.issue_refresh_token(session);
    let access_token = access_token(context, state, session);
    let tokens = json!({ "access_token": access_token, "refresh_token": refresh_token });
    (refresh_token, members(tokens))
}

/// Returns the session of a valid refresh token.
pub(super) fn live(state: &State, refresh_token: Option<&str>) -> Result<SessionId, Error> {
    match refresh_token.map(|token| state.sessions.renewal(token)) {
        Some(Renewal::Good(session)) => Ok(session),
        _ => Err(Error::REFRESH_TOKEN_NOT_FOUND_OR_EXPIRED),
    }
}

/// Claims of an access token.
pub(super) fn claims(login: &Login<'_>) -> Map<String, Value> {
    members(json!({
        "aud": login.grant.client_id,
        "name": login.user.name,
        "email": login.user.email(),
        "is_anonymous": login.user.name.is_none(),
    }))
}

fn access_token(context: &Context, state: &mut State, session: SessionId) -> String {
    let issuance = Issuance {
        session,
        scopes: Vec::new(),
        issuer: &context.issuer,
        code: None,
        is_renewed: false,
    };
    tokens::access_token(AccessToken::Signed(claims), context, state, &issuance)
}

fn bearer(context: &Context, state: &State, access_token: &str) -> Result<SessionId, Error> {
    match state.sessions.bearer(access_token, context.now_ms()) {
        Bearer::Good(good) => Ok(good.session),
        Bearer::Expired => Err(Error::ACCESS_TOKEN_EXPIRED),
        Bearer::Revoked => Err(Error::USER_AUTHENTICATION_REQUIRED),
        Bearer::Unknown => Err(Error::UNPARSABLE_ACCESS_TOKEN),
    }
}
