//! Device authorization grant (RFC 8628) and its page.

use serde_json::{Map, Value, json};

use super::client::client_of;
use crate::answer::Answer;
use crate::asked::Parameters;
use crate::call::Call;
use crate::claims::members;
use crate::endpoint::Endpoint;
use crate::misbehaviour::Misbehaviour;
use crate::pages::{self, Form};
use crate::refusal::{Refusal, required};
use crate::state::State;
use crate::state::devices::{DeviceRequest, Poll};
use crate::state::sessions::{Grant, SessionId};

/// Begins a login (RFC 8628 §3.1, §3.2).
pub(super) fn authorize(call: &Call<'_>) -> Result<Map<String, Value>, Refusal> {
    let parameters = call.parameters()?;
    let client_id = client_of(call, &parameters)?;
    let Some(rules) = &call.dialect.device else {
        return Err(Refusal::new("unauthorized_client", "there is no device grant here"));
    };
    let scopes = parameters.one("scope").unwrap_or_default().split_whitespace();
    let request = DeviceRequest { client_id, scopes: scopes.map(str::to_owned).collect() };
    let now_ms = call.context.now_ms();
    let (device_code, user_code) = call.context.state().devices.wait(rules, request, now_ms);
    let page = call.dialect.routes().find(|route| route.is(Endpoint::Verification));
    let page = page.map(|route| call.issuer.path_of(route.path)).unwrap_or_default();
    let verification_uri = format!("{}{page}", call.issuer.origin);
    Ok(members(json!({
        "device_code": device_code,
        "user_code": user_code,
        "verification_uri_complete": format!("{verification_uri}?user_code={user_code}"),
        "verification_uri": verification_uri,
        "expires_in": rules.expires_in,
        "interval": rules.interval,
    })))
}

/// Answers a poll (RFC 8628 §3.4, §3.5).
pub(super) fn redeem(
    call: &Call<'_>,
    state: &mut State,
    parameters: &Parameters,
) -> Result<SessionId, Refusal> {
    let device_code = required(parameters.one("device_code"), "device_code")?;
    let refuse = |error, description: &str| Err(Refusal::new(error, description));
    if call.context.does(Misbehaviour::PollExpired) {
        return refuse("expired_token", "this device code has expired");
    }
    if call.context.does(Misbehaviour::PollUsed) {
        return refuse("invalid_grant", "this device code is spent");
    }
    match state.devices.poll(device_code, call.context.now_for_codes_ms()) {
        Poll::Granted(grant) => Ok(state.sessions.open(grant)),
        Poll::Pending => refuse("authorization_pending", "nobody has decided yet"),
        Poll::SlowDown => refuse("slow_down", "wait five seconds longer"),
        Poll::Denied => refuse("access_denied", "the user refused"),
        Poll::Expired => refuse("expired_token", "this device code has expired"),
        Poll::Unknown => refuse("invalid_grant", "this device code was never issued or is spent"),
    }
}

/// Asks for the code, the name and the decision, on one page each.
pub(super) fn page(call: &Call<'_>) -> Answer {
    let asked = call.asked;
    let action = asked.path.as_str();
    // Only a form enters a code. A code in a link is only shown.
    let Some(code) = asked.field("code") else {
        return pages::device_code(action, asked.query.one("user_code").unwrap_or_default());
    };
    let now_ms = call.context.now_for_codes_ms();
    let state = &mut call.context.state();
    let Some(request) = state.devices.request(code, now_ms).cloned() else {
        let text = "It was mistyped, used already, or has expired.";
        return pages::notice(400, "This code is not valid", text);
    };
    let Some(name) = asked.field("name").map(str::trim).filter(|name| !name.is_empty()) else {
        let form = Form { action, hidden: &[("code", code)] };
        return pages::login(&form, &request.client_id, None);
    };
    match asked.field("decision") {
        Some("login") => {
            let grant = Grant {
                user: state.users.named(name),
                client_id: request.client_id,
                scopes: request.scopes,
                resources: Vec::new(),
                nonce: None,
                auth_time: now_ms / 1000,
                claims: Map::new(),
            };
            state.devices.allow(code, grant, now_ms);
            pages::notice(200, "Device authorized", "Go back to your terminal.")
        }
        Some("refuse") => {
            state.devices.deny(code, now_ms);
            pages::notice(200, "Device denied", "It does not get in.")
        }
        _ => {
            let form = Form { action, hidden: &[("code", code), ("name", name)] };
            pages::consent(&form, &request.client_id, &request.scopes)
        }
    }
}
