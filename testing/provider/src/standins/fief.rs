//! Fief: an issuer that calls itself https however it is reached, exact redirect URIs,
//! and refresh tokens that rotate.

use crate::{Answer, Asked, Parameters, at_hash};
use serde_json::{Map, Value, json};

use crate::standins::authorization::{Pages, Rules, authorize};
use crate::standins::bearer::bearer;
use crate::standins::grants::{Refusal, Rotation, TokenRequest};
use crate::standins::redirects::Redirects;
use crate::standins::shared::Shared;
use crate::standins::state::State;
use crate::standins::state::codes::Wanted;
use crate::standins::state::sessions::SessionId;
use crate::standins::tokens;

const REDIRECT_URI: &str = "http://localhost:51562/callback";

/// The `acr` of a user who has just logged in.
pub(crate) const LOGGED_IN: &str = "1";

/// The `acr` after a refresh, at which no user was present.
const REFRESHED: &str = "0";

/// Permissions of every user.
const PERMISSIONS: [&str; 2] = ["castles:read", "castles:create"];

pub(crate) fn answer(shared: &Shared, asked: &Asked) -> Answer {
    let Some(path) = asked.path.strip_prefix(&shared.options.tenant) else {
        return not_found();
    };
    match (asked.method.as_str(), path) {
        ("GET", "/.well-known/openid-configuration") => Answer::json(200, &metadata(shared)),
        ("GET", "/.well-known/jwks.json") => Answer::json(200, &shared.signer.jwks()),
        ("GET" | "POST", "/authorize") => authorize(shared, asked, &rules(shared)),
        ("POST", "/api/token") => {
            let form = asked.form.as_ref();
            form.ok_or_else(|| Refusal::new("invalid_request", "send a form"))
                .and_then(|form| token(shared, form))
                .map_or_else(
                    // An unknown client gets status 400 too.
                    |refusal| Answer::error(400, refusal.error, &refusal.description).not_stored(),
                    |tokens| Answer::json(200, &Value::Object(tokens)).not_stored(),
                )
        }
        ("GET" | "POST", "/api/userinfo") => user_info(shared, asked),
        _ => not_found(),
    }
}

/// The issuer, with https although it is served over plain http.
pub(crate) fn issuer(shared: &Shared) -> String {
    let host = shared.url.trim_start_matches("http://");
    format!("https://{host}{}", shared.options.tenant)
}

pub(crate) fn access_token(
    shared: &Shared,
    state: &mut State,
    session: SessionId,
    acr: &str,
) -> String {
    let grant = state.sessions.grant(session);
    let more = tokens::members(json!({
        "aud": [grant.client_id],
        "azp": grant.client_id,
        "client_id": grant.client_id,
        "scope": grant.scopes.join(" "),
        "acr": acr,
        "permissions": PERMISSIONS,
    }));
    tokens::access_token(shared, state, session, &issuer(shared), more)
}

fn metadata(shared: &Shared) -> Value {
    let issuer = issuer(shared);
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/api/token"),
        "userinfo_endpoint": format!("{issuer}/api/userinfo"),
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "scopes_supported": ["openid", "offline_access"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "acr_values_supported": [REFRESHED, LOGGED_IN],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "ui_locales_supported": ["en-US", "fr-FR"],
    })
}

fn rules(shared: &Shared) -> Rules<'_> {
    let registered = match shared.options.redirect_uris.as_slice() {
        [] => vec![REDIRECT_URI.to_owned()],
        own => own.to_vec(),
    };
    Rules {
        client_id: Some(&shared.options.client_id),
        redirects: Redirects::Exact(registered),
        code_challenge: Wanted::Always,
        requires_openid: true,
        requires_login_before_consent: true,
        pages: Pages::LoginThenConsent,
    }
}

fn token(shared: &Shared, form: &Parameters) -> Result<Map<String, Value>, Refusal> {
    let request = TokenRequest::read(Some(&shared.options.client_id), |name| form.one(name))?;
    let state = &mut shared.state();
    let (session, refresh_token, acr) = match request.grant_type {
        "authorization_code" => {
            let session = request.redeem(shared, state, Wanted::Always, Wanted::Always)?;
            let stays = state.sessions.grant(session).has("offline_access");
            let refresh_token = stays.then(|| state.sessions.issue_refresh_token(session));
            (session, refresh_token, LOGGED_IN)
        }
        "refresh_token" => {
            let (session, next) = request.renew(shared, state, Rotation::Always)?;
            (session, next, REFRESHED)
        }
        _ => return request.unsupported(),
    };
    let access_token = access_token(shared, state, session, acr);
    let mut claims = profile(state, session);
    claims.extend(tokens::members(json!({
        "acr": acr,
        "azp": request.client_id,
        "at_hash": tokens::at_hash(shared, &access_token),
    })));
    let code = request.code.filter(|_| acr == LOGGED_IN);
    // The same hash over the code (OpenID Connect Core §3.3.2.11).
    claims.extend(code.map(|code| ("c_hash".into(), json!(at_hash(code)))));
    let id_token = tokens::id_token(shared, state, session, &issuer(shared), claims);
    let mut response = tokens::response(shared, state, session, &access_token);
    response.insert("token_type".into(), json!("bearer"));
    response.insert("id_token".into(), json!(id_token));
    response.extend(refresh_token.map(|token| ("refresh_token".into(), json!(token))));
    Ok(response)
}

fn user_info(shared: &Shared, asked: &Asked) -> Answer {
    let state = &shared.state();
    bearer(shared, state, asked).map_or_else(
        |refusal| refusal,
        |(session, _)| Answer::json(200, &Value::Object(profile(state, session))).not_stored(),
    )
}

/// Claims about a user, in userinfo and ID tokens, whatever the scopes are.
fn profile(state: &State, session: SessionId) -> Map<String, Value> {
    let user = state.users.user(state.sessions.grant(session).user);
    tokens::members(json!({
        "sub": user.id,
        "email": user.email(),
        "email_verified": true,
        "is_active": true,
        "fields": { "name": user.name },
    }))
}

fn not_found() -> Answer {
    Answer::json(404, &json!({ "detail": "Not Found" }))
}
