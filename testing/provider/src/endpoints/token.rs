//! Token requests (RFC 6749 §4.1.3 and §6, RFC 8628 §3.4).

use serde_json::{Map, Value, json};

use super::client::client_of;
use super::device;
use crate::asked::Parameters;
use crate::call::Call;
use crate::dialect::{RefreshToken, Wanted};
use crate::misbehaviour::Misbehaviour;
use crate::refusal::{Refusal, required};
use crate::state::State;
use crate::state::codes::Proof;
use crate::state::sessions::{Renewal, SessionId};
use crate::tokens::{self, Issuance};

/// The grant type of devices (RFC 8628 §3.4).
pub(super) const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Answers a token request.
pub(super) fn token(call: &Call<'_>) -> Result<Map<String, Value>, Refusal> {
    let parameters = &call.parameters()?;
    let client_id = client_of(call, parameters)?;
    let state = &mut call.context.state();
    match required(parameters.one("grant_type"), "grant_type")? {
        "authorization_code" => {
            let session = redeem(call, state, parameters, &client_id)?;
            Ok(respond(call, state, session, parameters.one("code")))
        }
        DEVICE_CODE if call.dialect.device.is_some() => {
            let session = device::redeem(call, state, parameters)?;
            Ok(respond(call, state, session, None))
        }
        "refresh_token" => renew(call, state, parameters, &client_id),
        _ => Err(Refusal::new("unsupported_grant_type", "this grant is not known here")),
    }
}

/// Opens a session for a code.
fn redeem(
    call: &Call<'_>,
    state: &mut State,
    parameters: &Parameters,
    client_id: &str,
) -> Result<SessionId, Refusal> {
    let code = required(parameters.one("code"), "code")?;
    let proof = Proof {
        client_id,
        redirect_uri: wanted(call.dialect.redirect_uri, parameters, "redirect_uri")?,
        code_verifier: wanted(call.dialect.code_verifier, parameters, "code_verifier")?,
    };
    let session = state.redeem(code, &proof, call.context.now_for_codes_ms());
    let session = session.map_err(|reason| Refusal::new("invalid_grant", reason))?;
    check_resources(parameters, &state.sessions.grant(session).resources)?;
    Ok(session)
}

/// Renews tokens. The request may ask for fewer scopes than were granted, never for more
/// (RFC 6749 §6). The refresh token is used up only if everything else is right.
fn renew(
    call: &Call<'_>,
    state: &mut State,
    parameters: &Parameters,
    client_id: &str,
) -> Result<Map<String, Value>, Refusal> {
    let refresh_token = required(parameters.one("refresh_token"), "refresh_token")?;
    let session = renewable(call, state, refresh_token, client_id)?;
    let grant = state.sessions.grant(session);
    let scopes = match parameters.one("scope") {
        None => grant.scopes.clone(),
        Some(scope) => scope.split(' ').map(str::to_owned).collect(),
    };
    if !scopes.iter().all(|scope| grant.has(scope)) {
        return Err(Refusal::new("invalid_scope", "this scope was not granted"));
    }
    check_resources(parameters, &grant.resources)?;
    let rotates = call.context.options.rotates_refresh_tokens;
    let next = if call.context.does(Misbehaviour::OmitRefreshToken) {
        None
    } else if rotates.unwrap_or(call.dialect.rotates_refresh_tokens) {
        Some(state.sessions.replace_refresh_token(refresh_token, session))
    } else {
        call.dialect.repeats_refresh_token.then(|| refresh_token.to_owned())
    };
    let issuer = &call.issuer;
    let issuance = Issuance { session, scopes, issuer, code: None, is_renewed: true };
    let mut response = tokens::response(call.dialect, call.context, state, &issuance);
    response.extend(next.map(|token| ("refresh_token".into(), json!(token))));
    Ok(response)
}

/// Returns the session of a refresh token.
fn renewable(
    call: &Call<'_>,
    state: &mut State,
    refresh_token: &str,
    client_id: &str,
) -> Result<SessionId, Refusal> {
    let reason = match state.sessions.renewal(refresh_token) {
        Renewal::Good(session) if state.sessions.grant(session).client_id == client_id => {
            return Ok(session);
        }
        Renewal::Good(_) => "this refresh token was issued to another client",
        Renewal::Spent(session) if call.dialect.reuse_ends_session => {
            state.sessions.revoke(session);
            "this refresh token was used before; its session is revoked"
        }
        Renewal::Spent(_) => "this refresh token was replaced",
        Renewal::Revoked => "this session was revoked",
        Renewal::Unknown => "this refresh token was never issued",
    };
    Err(Refusal::new("invalid_grant", reason))
}

/// Answers the first request of a session.
fn respond(
    call: &Call<'_>,
    state: &mut State,
    session: SessionId,
    code: Option<&str>,
) -> Map<String, Value> {
    let grant = state.sessions.grant(session);
    let stays = match call.dialect.refresh_token {
        RefreshToken::Always => true,
        RefreshToken::OfflineAccess => grant.has("offline_access"),
    };
    let scopes = grant.scopes.clone();
    let issuance = Issuance { session, scopes, issuer: &call.issuer, code, is_renewed: false };
    let mut response = tokens::response(call.dialect, call.context, state, &issuance);
    if stays {
        let refresh_token = state.sessions.issue_refresh_token(session);
        response.insert("refresh_token".into(), json!(refresh_token));
    }
    response
}

/// Returns a parameter to be checked. `None`: there is nothing to check.
fn wanted<'a>(
    wanted: Wanted,
    parameters: &'a Parameters,
    name: &str,
) -> Result<Option<&'a str>, Refusal> {
    let sent = parameters.one(name);
    match wanted {
        Wanted::Always => required(sent, name).map(Some),
        Wanted::IfSent => Ok(sent),
        Wanted::Never => Ok(None),
    }
}

/// Accepts only resources that the authorization request named (RFC 8707 §2.2).
fn check_resources(parameters: &Parameters, granted: &[String]) -> Result<(), Refusal> {
    if parameters.all("resource").all(|resource| granted.iter().any(|known| known == resource)) {
        Ok(())
    } else {
        Err(Refusal::new("invalid_target", "this resource was not granted"))
    }
}
