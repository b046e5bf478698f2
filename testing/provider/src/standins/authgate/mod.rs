//! AuthGate: code grant and device grant, metadata that names neither the device
//! authorization endpoint nor the introspection endpoint, and tokens that are signed with
//! a secret by default.

mod device;
mod inspection;

use crate::{Answer, Asked, Parameters};
use serde_json::{Map, Value, json};

use crate::standins::authorization::{Pages, Rules, authorize};
use crate::standins::grants::{Refusal, Rotation, TokenRequest, required};
use crate::standins::redirects::Redirects;
use crate::standins::shared::Shared;
use crate::standins::state::State;
use crate::standins::state::codes::Wanted;
use crate::standins::state::sessions::SessionId;
use crate::standins::tokens;

/// Redirect URIs of the Python client and of the Go client.
const REDIRECT_URIS: [&str; 2] =
    ["http://127.0.0.1:8088/callback", "http://localhost:8888/callback"];

const JWKS: &str = "/.well-known/jwks.json";

const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

pub(crate) fn answer(shared: &Shared, asked: &Asked) -> Answer {
    match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", "/.well-known/openid-configuration") => Answer::json(200, &metadata(shared)),
        ("GET", JWKS) if shared.options.publishes_keys => Answer::json(200, &shared.signer.jwks()),
        ("GET" | "POST", "/oauth/authorize") => authorize(shared, asked, &rules(shared)),
        ("POST", "/oauth/token") => form(asked)
            .and_then(|form| token(shared, form))
            .map_or_else(|refusal| refusal.answer(), |tokens| answer_tokens(&tokens)),
        ("POST", "/oauth/device/code") => form(asked)
            .and_then(|form| device::begin(shared, form))
            .map_or_else(|refusal| refusal.answer(), |begun| Answer::json(200, &begun)),
        ("GET" | "POST", "/device") => device::page(shared, asked),
        ("POST", "/oauth/introspect") => form(asked)
            .and_then(|form| inspection::introspect(shared, form))
            .map_or_else(|refusal| refusal.answer(), |token| Answer::json(200, &token)),
        ("POST", "/oauth/revoke") => form(asked)
            .and_then(|form| revoke(shared, form))
            .map_or_else(|refusal| refusal.answer(), |()| Answer::json(200, &json!({}))),
        ("GET", "/oauth/tokeninfo") => inspection::token_info(shared, asked),
        ("GET" | "POST", "/oauth/userinfo") => inspection::user_info(shared, asked),
        _ => Answer::new(404, "text/plain", "there is nothing here\n"),
    }
}

pub(crate) fn access_token(shared: &Shared, state: &mut State, session: SessionId) -> String {
    let grant = state.sessions.grant(session);
    let more = tokens::members(json!({
        "client_id": grant.client_id,
        "scope": grant.scopes.join(" "),
        "type": "access",
    }));
    tokens::access_token(shared, state, session, &shared.url, more)
}

fn metadata(shared: &Shared) -> Value {
    let issuer = &shared.url;
    let mut metadata = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/oauth/authorize"),
        "token_endpoint": format!("{issuer}/oauth/token"),
        "userinfo_endpoint": format!("{issuer}/oauth/userinfo"),
        "revocation_endpoint": format!("{issuer}/oauth/revoke"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [shared.signer.algorithm()],
        "scopes_supported": ["openid", "profile", "email", "read", "write"],
        "token_endpoint_auth_methods_supported":
            ["client_secret_basic", "client_secret_post", "none"],
        "grant_types_supported": ["authorization_code", DEVICE_CODE, "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
    });
    if shared.options.publishes_keys {
        metadata["jwks_uri"] = json!(format!("{issuer}{JWKS}"));
    }
    metadata
}

fn rules(shared: &Shared) -> Rules<'_> {
    let registered = match shared.options.redirect_uris.as_slice() {
        [] => REDIRECT_URIS.map(str::to_owned).to_vec(),
        own => own.to_vec(),
    };
    Rules {
        client_id: Some(&shared.options.client_id),
        redirects: Redirects::Exact(registered),
        code_challenge: Wanted::Always,
        requires_openid: false,
        requires_login_before_consent: false,
        pages: Pages::LoginThenConsent,
    }
}

fn token(shared: &Shared, form: &Parameters) -> Result<Map<String, Value>, Refusal> {
    let request = TokenRequest::read(Some(&shared.options.client_id), |name| form.one(name))?;
    let state = &mut shared.state();
    let rotates = shared.options.rotates_refresh_tokens;
    let rotation = if rotates { Rotation::EndsSessionOnReuse } else { Rotation::Never };
    let (session, refresh_token) = match request.grant_type {
        "authorization_code" => {
            let session = request.redeem(shared, state, Wanted::Always, Wanted::Always)?;
            (session, Some(state.sessions.issue_refresh_token(session)))
        }
        DEVICE_CODE => {
            let session = device::redeem(shared, state, &request)?;
            (session, Some(state.sessions.issue_refresh_token(session)))
        }
        "refresh_token" => request.renew(shared, state, rotation)?,
        _ => return request.unsupported(),
    };
    let access_token = access_token(shared, state, session);
    let mut response = tokens::response(shared, state, session, &access_token);
    response.extend(refresh_token.map(|token| ("refresh_token".into(), json!(token))));
    // Not for a refresh token or a device code, whatever the scope is.
    if request.grant_type == "authorization_code" && state.sessions.grant(session).has("openid") {
        let at_hash = tokens::at_hash(shared, &access_token);
        let more = tokens::members(json!({ "at_hash": at_hash }));
        let id_token = tokens::id_token(shared, state, session, &shared.url, more);
        response.insert("id_token".into(), json!(id_token));
    }
    Ok(response)
}

/// Revokes a token. The response does not depend on the token (RFC 7009 §2.2), and the
/// client need not identify itself.
fn revoke(shared: &Shared, form: &Parameters) -> Result<(), Refusal> {
    let token = required(form.one("token"), "token")?;
    if form.one("client_id").is_some_and(|sent| sent != shared.options.client_id) {
        return Err(Refusal::new("invalid_client", "this client is not known here"));
    }
    shared.state().sessions.revoke_token(token);
    Ok(())
}

fn form(asked: &Asked) -> Result<&Parameters, Refusal> {
    let form = asked.form.as_ref();
    form.ok_or_else(|| Refusal::new("invalid_request", "send a form"))
}

fn answer_tokens(tokens: &Map<String, Value>) -> Answer {
    Answer::json(200, &Value::Object(tokens.clone())).not_stored()
}
