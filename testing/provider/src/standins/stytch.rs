//! Stytch Connected Apps: requests and responses in JSON, each response with its status
//! and a request id.

use crate::{Answer, Asked, random_text};
use serde_json::{Map, Value, json};

use crate::standins::authorization::{Pages, Rules, authorize};
use crate::standins::bearer::bearer;
use crate::standins::body;
use crate::standins::grants::{Refusal, Rotation, TokenRequest, required};
use crate::standins::redirects::Redirects;
use crate::standins::shared::Shared;
use crate::standins::state::State;
use crate::standins::state::codes::Wanted;
use crate::standins::state::sessions::SessionId;
use crate::standins::tokens;

pub(crate) fn answer(shared: &Shared, asked: &Asked) -> Answer {
    let method = asked.method.as_str();
    match (method, asked.path.as_str()) {
        // The application's own login page, and the API that it protects.
        ("GET" | "POST", "/oauth/authorize") => authorize(shared, asked, &rules(shared)),
        ("GET", "/api/resources") => resources(shared, asked),
        (_, path) => match path.strip_prefix("/v1/public/").and_then(|rest| rest.split_once('/')) {
            Some((project, path)) if project == shared.options.project_id => {
                of_project(shared, asked, path)
            }
            Some(_) => error(404, "project_not_found", "there is no such project"),
            None => not_found(),
        },
    }
}

pub(crate) fn issuer(shared: &Shared) -> String {
    format!("{}/v1/public/{}", shared.url, shared.options.project_id)
}

pub(crate) fn access_token(shared: &Shared, state: &mut State, session: SessionId) -> String {
    let grant = state.sessions.grant(session);
    let more = tokens::members(json!({
        "aud": [shared.options.project_id],
        "client_id": grant.client_id,
        "scope": grant.scopes.join(" "),
    }));
    tokens::access_token(shared, state, session, &issuer(shared), more)
}

fn of_project(shared: &Shared, asked: &Asked, path: &str) -> Answer {
    match (asked.method.as_str(), path) {
        ("GET", ".well-known/openid-configuration") => Answer::json(200, &metadata(shared)),
        ("GET", ".well-known/jwks.json") => Answer::json(200, &shared.signer.jwks()),
        ("POST", "oauth2/token") => spoken(object(asked).and_then(|body| token(shared, &body))),
        ("POST", "oauth2/revoke") => spoken(object(asked).and_then(|body| revoke(shared, &body))),
        ("GET", "oauth2/userinfo") => user_info(shared, asked),
        _ => not_found(),
    }
}

fn metadata(shared: &Shared) -> Value {
    let issuer = issuer(shared);
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{}/oauth/authorize", shared.url),
        "token_endpoint": format!("{issuer}/oauth2/token"),
        "userinfo_endpoint": format!("{issuer}/oauth2/userinfo"),
        "revocation_endpoint": format!("{issuer}/oauth2/revoke"),
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    })
}

fn rules(shared: &Shared) -> Rules<'_> {
    Rules {
        client_id: Some(&shared.options.client_id),
        redirects: Redirects::Loopback("/callback"),
        code_challenge: Wanted::Always,
        requires_openid: false,
        requires_login_before_consent: false,
        pages: Pages::LoginThenConsent,
    }
}

fn token(shared: &Shared, body: &Map<String, Value>) -> Result<Map<String, Value>, Refusal> {
    let request = TokenRequest::read(Some(&shared.options.client_id), |name| text(body, name))?;
    let state = &mut shared.state();
    let (session, refresh_token) = match request.grant_type {
        "authorization_code" => {
            // Stytch's own client omits redirect_uri.
            let session = request.redeem(shared, state, Wanted::IfSent, Wanted::Always)?;
            let stays = state.sessions.grant(session).has("offline_access");
            (session, stays.then(|| state.sessions.issue_refresh_token(session)))
        }
        "refresh_token" => request.renew(shared, state, Rotation::Always)?,
        _ => return request.unsupported(),
    };
    let access_token = access_token(shared, state, session);
    let mut response = tokens::response(shared, state, session, &access_token);
    response.extend(refresh_token.map(|token| ("refresh_token".into(), json!(token))));
    if state.sessions.grant(session).has("openid") {
        let at_hash = tokens::at_hash(shared, &access_token);
        let more = tokens::members(json!({ "at_hash": at_hash }));
        let id_token = tokens::id_token(shared, state, session, &issuer(shared), more);
        response.insert("id_token".into(), json!(id_token));
    }
    Ok(response)
}

/// Revokes a token. The response does not depend on the token (RFC 7009 §2.2).
fn revoke(shared: &Shared, body: &Map<String, Value>) -> Result<Map<String, Value>, Refusal> {
    if text(body, "client_id") != Some(&shared.options.client_id) {
        return Err(Refusal::new("invalid_client", "this client is not known here"));
    }
    let token = required(text(body, "token"), "token")?;
    shared.state().sessions.revoke_token(token);
    Ok(Map::new())
}

fn user_info(shared: &Shared, asked: &Asked) -> Answer {
    let state = &shared.state();
    bearer(shared, state, asked).map_or_else(
        |refusal| refusal,
        |(session, _)| {
            let grant = state.sessions.grant(session);
            good(state.users.user(grant.user).claims(&grant.scopes))
        },
    )
}

/// The API of an application.
fn resources(shared: &Shared, asked: &Asked) -> Answer {
    let state = &shared.state();
    bearer(shared, state, asked).map_or_else(
        |refusal| refusal,
        |(session, _)| {
            let user = state.users.user(state.sessions.grant(session).user);
            let resources = json!([{ "id": "1", "name": "First resource" }]);
            Answer::json(200, &json!({ "user_id": user.id, "resources": resources }))
        },
    )
}

fn object(asked: &Asked) -> Result<Map<String, Value>, Refusal> {
    let object = body::json_object(asked);
    object.ok_or_else(|| Refusal::new("invalid_request", "send a JSON object"))
}

fn text<'a>(body: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    body.get(name)?.as_str().filter(|text| !text.is_empty())
}

fn spoken(outcome: Result<Map<String, Value>, Refusal>) -> Answer {
    match outcome {
        Ok(members) => good(members),
        Err(refusal) => {
            let status = if refusal.error == "invalid_client" { 401 } else { 400 };
            error(status, refusal.error, &refusal.description)
        }
    }
}

fn good(mut members: Map<String, Value>) -> Answer {
    members.insert("status_code".into(), json!(200));
    members.insert("request_id".into(), json!(request_id()));
    Answer::json(200, &Value::Object(members)).not_stored()
}

fn error(status: u16, kind: &str, message: &str) -> Answer {
    let document = json!({
        "status_code": status,
        "request_id": request_id(),
        "error_type": kind,
        "error_message": message,
        "error_url": format!("https://stytch.com/docs/api/errors/{status}"),
    });
    Answer::json(status, &document).not_stored()
}

fn not_found() -> Answer {
    error(404, "route_not_found", "there is nothing here")
}

fn request_id() -> String {
    format!("request-id-test-{}", random_text())
}
