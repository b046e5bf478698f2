//! Device authorization grant (RFC 8628) and its page.

use crate::{Answer, Asked, Parameters, escape};
use serde_json::{Map, Value, json};

use crate::standins::grants::{Refusal, TokenRequest, required};
use crate::standins::misbehaviour::Misbehaviour;
use crate::standins::pages::{self, Form};
use crate::standins::shared::Shared;
use crate::standins::state::State;
use crate::standins::state::devices::{DeviceRequest, INTERVAL_SECONDS, LIFETIME_SECONDS, Poll};
use crate::standins::state::sessions::{Grant, SessionId};

const PAGE: &str = "/device";

/// Endpoint `/oauth/device/code` (RFC 8628 §3.1, §3.2).
pub(super) fn begin(shared: &Shared, form: &Parameters) -> Result<Value, Refusal> {
    let client_id = required(form.one("client_id"), "client_id")?;
    if client_id != shared.options.client_id {
        return Err(Refusal::new("invalid_client", "this client is not known here"));
    }
    let scopes = form.one("scope").unwrap_or_default().split_whitespace();
    let scopes = scopes.map(str::to_owned).collect();
    let request = DeviceRequest { client_id: client_id.to_owned(), scopes };
    let (device_code, user_code) = shared.state().devices.wait(request, shared.now_ms());
    let verification_uri = format!("{}{PAGE}", shared.url);
    Ok(json!({
        "device_code": device_code,
        "user_code": user_code,
        "verification_uri_complete": format!("{verification_uri}?user_code={user_code}"),
        "verification_uri": verification_uri,
        "expires_in": LIFETIME_SECONDS,
        "interval": INTERVAL_SECONDS,
    }))
}

/// Answers a poll (RFC 8628 §3.4, §3.5).
pub(super) fn redeem(
    shared: &Shared,
    state: &mut State,
    request: &TokenRequest<'_>,
) -> Result<SessionId, Refusal> {
    let device_code = required(request.device_code, "device_code")?;
    let refuse = |error, description: &str| Err(Refusal::new(error, description));
    if shared.does(Misbehaviour::PollExpired) {
        return refuse("expired_token", "this device code has expired");
    }
    if shared.does(Misbehaviour::PollUsed) {
        return refuse("invalid_grant", "this device code is spent");
    }
    let now_ms = shared.now_for_codes_ms();
    match state.devices.poll(device_code, now_ms) {
        Poll::Granted(grant) => Ok(state.sessions.open(grant)),
        Poll::Pending => refuse("authorization_pending", "nobody has decided yet"),
        Poll::SlowDown => refuse("slow_down", "wait five seconds longer"),
        Poll::Denied => refuse("access_denied", "the person refused"),
        Poll::Expired => refuse("expired_token", "this device code has expired"),
        Poll::Unknown => refuse("invalid_grant", "this device code was never issued or is spent"),
    }
}

/// Asks for the code, the name and the decision, on one page each.
pub(super) fn page(shared: &Shared, asked: &Asked) -> Answer {
    let field = |name| asked.form.as_ref().and_then(|form| form.one(name));
    // Only a form enters a code. A code in a link is only shown.
    let Some(code) = field("code") else {
        return ask_for_code(asked.query.one("user_code").unwrap_or_default());
    };
    let now_ms = shared.now_for_codes_ms();
    let state = &mut shared.state();
    let Some(request) = state.devices.request(code, now_ms).cloned() else {
        let text = "It was mistyped, used already, or has expired.";
        return pages::notice(400, "This code is not valid", text);
    };
    let Some(name) = field("username").map(str::trim).filter(|name| !name.is_empty()) else {
        let form = Form { action: PAGE, hidden: &[("code", code)] };
        return pages::login(&form, &request.client_id, None);
    };
    match field("decision") {
        Some("approve") => {
            let grant = Grant {
                user: state.users.named(name),
                client_id: request.client_id,
                scopes: request.scopes,
                nonce: None,
                auth_time: now_ms / 1000,
                claims: Map::new(),
            };
            state.devices.allow(code, grant, now_ms);
            pages::notice(200, "Device authorized", "Go back to your terminal.")
        }
        Some("deny") => {
            state.devices.deny(code, now_ms);
            pages::notice(200, "Device denied", "It does not get in.")
        }
        _ => {
            let form = Form { action: PAGE, hidden: &[("code", code), ("username", name)] };
            pages::consent(&form, &request.client_id, &request.scopes)
        }
    }
}

fn ask_for_code(known: &str) -> Answer {
    let known = escape(known);
    let fields = format!(
        r#"<label for="code">The code that your device shows</label>
<input id="code" name="code" value="{known}" placeholder="XXXX-XXXX" required>
<div class="buttons"><button class="yes">Continue</button></div>"#
    );
    let form = Form { action: PAGE, hidden: &[] };
    crate::page(200, "Connect a device", &form.html(&fields))
}
