//! A mock in the manner of navikt/mock-oauth2-server: any issuer, any client, any
//! redirect URI, and claims that the user chooses.

use crate::{Answer, Asked, Parameters};
use serde_json::{Map, Value, json};

use crate::standins::authorization::{Pages, Rules, authorize};
use crate::standins::bearer::bearer;
use crate::standins::grants::{Refusal, Rotation, TokenRequest, required};
use crate::standins::pages;
use crate::standins::redirects::Redirects;
use crate::standins::shared::Shared;
use crate::standins::state::State;
use crate::standins::state::codes::Wanted;
use crate::standins::state::sessions::{Bearer, SessionId};
use crate::standins::tokens;

/// Path of the issuer in the original's documentation.
pub(crate) const DEFAULT_PATH: &str = "/default";

const DISCOVERY: &str = "/.well-known/openid-configuration";

pub(crate) fn answer(shared: &Shared, asked: &Asked) -> Answer {
    let method = asked.method.as_str();
    if let Some(issuer_path) = asked.path.strip_suffix(DISCOVERY).filter(|path| !path.is_empty()) {
        return match method {
            "GET" => Answer::json(200, &metadata(&issuer(shared, issuer_path))),
            _ => not_found(),
        };
    }
    let Some((issuer_path, endpoint)) =
        asked.path.rsplit_once('/').filter(|(path, _)| !path.is_empty())
    else {
        return not_found();
    };
    match (method, endpoint) {
        ("GET", "jwks") => Answer::json(200, &shared.signer.jwks()),
        ("GET" | "POST", "authorize") => authorize(shared, asked, &rules()),
        ("POST", "token") => with_form(asked, |form| token(shared, form, issuer_path)),
        ("POST", "introspect") => with_form(asked, |form| introspect(shared, form, issuer_path)),
        ("POST", "revoke") => with_form(asked, |form| revoke(shared, form)),
        ("GET" | "POST", "userinfo") => user_info(shared, asked, issuer_path),
        ("GET", "endsession") => end_session(asked),
        _ => not_found(),
    }
}

pub(crate) fn issuer(shared: &Shared, issuer_path: &str) -> String {
    format!("{}{issuer_path}", shared.url)
}

pub(crate) fn access_token(
    shared: &Shared,
    state: &mut State,
    session: SessionId,
    issuer_path: &str,
) -> String {
    let mut more = claims(state, session, issuer_path);
    more.entry("aud").or_insert_with(|| json!([issuer_path.trim_start_matches('/')]));
    tokens::access_token(shared, state, session, &issuer(shared, issuer_path), more)
}

fn metadata(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "introspection_endpoint": format!("{issuer}/introspect"),
        "revocation_endpoint": format!("{issuer}/revoke"),
        "end_session_endpoint": format!("{issuer}/endsession"),
        "jwks_uri": format!("{issuer}/jwks"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "code_challenge_methods_supported": ["S256"],
    })
}

fn rules() -> Rules<'static> {
    Rules {
        client_id: None,
        redirects: Redirects::Anywhere,
        code_challenge: Wanted::IfSent,
        requires_openid: false,
        requires_login_before_consent: false,
        pages: Pages::LoginWithClaims,
    }
}

/// Answers a token request. Every response has an ID token and a refresh token.
fn token(
    shared: &Shared,
    form: &Parameters,
    issuer_path: &str,
) -> Result<Map<String, Value>, Refusal> {
    let request = TokenRequest::read(None, |name| form.one(name))?;
    let state = &mut shared.state();
    let rotates = shared.options.rotates_refresh_tokens;
    let rotation = if rotates { Rotation::Always } else { Rotation::Never };
    let (session, refresh_token) = match request.grant_type {
        "authorization_code" => {
            let session = request.redeem(shared, state, Wanted::Never, Wanted::IfSent)?;
            (session, Some(state.sessions.issue_refresh_token(session)))
        }
        "refresh_token" => request.renew(shared, state, rotation)?,
        _ => return request.unsupported(),
    };
    let access_token = access_token(shared, state, session, issuer_path);
    let claims = claims(state, session, issuer_path);
    let id_token = tokens::id_token(shared, state, session, &issuer(shared, issuer_path), claims);
    let mut response = tokens::response(shared, state, session, &access_token);
    response.insert("id_token".into(), json!(id_token));
    response.extend(refresh_token.map(|token| ("refresh_token".into(), json!(token))));
    Ok(response)
}

fn introspect(
    shared: &Shared,
    form: &Parameters,
    issuer_path: &str,
) -> Result<Map<String, Value>, Refusal> {
    let token = required(form.one("token"), "token")?;
    let state = &shared.state();
    let Bearer::Good(session, expires_at_ms) = state.sessions.bearer(token, shared.now_ms()) else {
        return Ok(tokens::members(json!({ "active": false })));
    };
    let grant = state.sessions.grant(session);
    let mut token = claims(state, session, issuer_path);
    token.extend(tokens::members(json!({
        "active": true,
        "token_type": "Bearer",
        "client_id": grant.client_id,
        "scope": grant.scopes.join(" "),
        "exp": expires_at_ms / 1000,
        "iss": issuer(shared, issuer_path),
    })));
    Ok(token)
}

/// Revokes a refresh token. Access tokens cannot be revoked.
fn revoke(shared: &Shared, form: &Parameters) -> Result<Map<String, Value>, Refusal> {
    let token = required(form.one("token"), "token")?;
    if form.one("token_type_hint") != Some("refresh_token") {
        let error = "unsupported_token_type";
        return Err(Refusal::new(error, "only refresh tokens can be revoked"));
    }
    shared.state().sessions.revoke_refresh_token(token);
    Ok(Map::new())
}

fn user_info(shared: &Shared, asked: &Asked, issuer_path: &str) -> Answer {
    let state = &shared.state();
    bearer(shared, state, asked).map_or_else(
        |refusal| refusal,
        |(session, _)| {
            let mut claims = claims(state, session, issuer_path);
            claims.entry("iss").or_insert_with(|| json!(issuer(shared, issuer_path)));
            Answer::json(200, &Value::Object(claims)).not_stored()
        },
    )
}

fn end_session(asked: &Asked) -> Answer {
    match asked.query.one("post_logout_redirect_uri") {
        Some(target) => Answer::redirect(target),
        None => pages::notice(200, "Logged out", "You may close this window."),
    }
}

/// Claims about a user, completed or replaced by those that the user typed.
fn claims(state: &State, session: SessionId, issuer_path: &str) -> Map<String, Value> {
    let grant = state.sessions.grant(session);
    let user = state.users.user(grant.user);
    let mut claims = tokens::members(json!({
        "sub": user.name,
        "azp": grant.client_id,
        "tid": issuer_path.trim_start_matches('/'),
    }));
    claims.extend(grant.claims.clone());
    claims
}

fn with_form(
    asked: &Asked,
    answer: impl FnOnce(&Parameters) -> Result<Map<String, Value>, Refusal>,
) -> Answer {
    let form = asked.form.as_ref();
    form.ok_or_else(|| Refusal::new("invalid_request", "send a form")).and_then(answer).map_or_else(
        |refusal| refusal.answer(),
        |members| Answer::json(200, &Value::Object(members)).not_stored(),
    )
}

fn not_found() -> Answer {
    Answer::new(404, "text/plain", "there is nothing here\n")
}
