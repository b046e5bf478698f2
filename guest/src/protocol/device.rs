//! Device authorization requests and responses (RFC 8628 §3.1, §3.2).

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::contract::{Client, ClientAuthentication, Code, Exchange, Failure, Purpose, Response};
use crate::protocol::authorization::check_parameters;
use crate::protocol::authorization_details::push_details;
use crate::protocol::client_authentication::authenticated_post;
use crate::protocol::endpoint;
use crate::protocol::failure::{in_words, printable, provider_error, unavailable};
use crate::protocol::token::push_resources;

/// Delay between polls if the provider names none (RFC 8628 §3.2).
const DEFAULT_INTERVAL_S: u64 = 5;
/// Longest accepted delay between polls: a user must not wait longer for something to
/// happen.
const LONGEST_INTERVAL_S: u64 = 60;

/// Lifetime of a code if the provider names none, or zero.
const DEFAULT_LIFETIME_S: u64 = 600;
/// Longest accepted lifetime of a code.
const LONGEST_LIFETIME_S: u64 = 3600;

/// Longest user code that is shown, in characters. User codes are meant to be typed.
const LONGEST_USER_CODE: usize = 64;

/// A device code and the user code that belongs to it. Holds a secret: has no `Debug`.
pub(crate) struct DeviceCode {
    pub(crate) device_code: String,
    /// The user code, safe to show.
    pub(crate) user_code: String,
    pub(crate) verification_uri: String,
    pub(crate) verification_uri_complete: Option<String>,
    pub(crate) lifetime_s: u64,
    pub(crate) interval_s: u64,
}

pub(crate) fn device_authorization_request(
    endpoint: &str,
    client: &Client,
    method: ClientAuthentication,
) -> Result<Exchange, Failure> {
    let scope = client.scopes.join(" ");
    let mut form = Vec::new();
    if !scope.is_empty() {
        form.push(("scope", scope.as_str()));
    }
    push_resources(&mut form, client);
    push_details(&mut form, client);
    form.extend(check_parameters(client)?);
    Ok(authenticated_post(Purpose::DeviceAuthorization, endpoint, client, method, form))
}

/// Returns the request that polls for the user's decision (RFC 8628 §3.4).
pub(crate) fn poll_request(
    endpoint: &str,
    client: &Client,
    method: ClientAuthentication,
    device_code: &str,
) -> Exchange {
    let mut form = vec![
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("device_code", device_code),
    ];
    push_resources(&mut form, client);
    authenticated_post(Purpose::Poll, endpoint, client, method, form)
}

/// A response body. Numbers may be strings, and Google keeps an older name of
/// `verification_uri`.
#[derive(Deserialize)]
struct Body {
    device_code: Option<String>,
    user_code: Option<String>,
    #[serde(alias = "verification_url")]
    verification_uri: Option<String>,
    verification_uri_complete: Option<String>,
    expires_in: Option<Value>,
    interval: Option<Value>,
    error: Option<String>,
    error_description: Option<String>,
}

/// Parses a device authorization response (RFC 8628 §3.2). Fails with `provider-refused`
/// and the provider's own error, `provider-unavailable`, or `invalid-device-response`,
/// also if there is no such endpoint.
pub(crate) fn parse_device_authorization_response(
    response: &Response,
    loopback_allowed: bool,
) -> Result<DeviceCode, Failure> {
    let body: Result<Body, _> = serde_json::from_slice(&response.body);
    if let Ok(Body { error: Some(error), error_description, .. }) = &body {
        let provider = provider_error(error, error_description.as_deref());
        let message = format!("the provider refused the device login: {}", in_words(&provider));
        let remedy =
            "check that the provider lets this client log in by device code, or use --flow browser";
        return Err(
            Failure::new(Code::ProviderRefused, message, remedy).with_provider_error(provider)
        );
    }
    if let Some(failure) = unavailable("the device authorization endpoint", response) {
        return Err(failure);
    }
    if !(200..300).contains(&response.status) {
        return Err(invalid(format!("it came with status {}", response.status)));
    }
    // The parser's own message could quote the code.
    let body = body.map_err(|_| invalid("it is not the expected JSON".to_owned()))?;
    let device_code = body.device_code.filter(|code| !code.is_empty());
    let device_code = device_code.ok_or_else(|| invalid("it has no device_code".to_owned()))?;
    let user_code = body.user_code.filter(|code| !code.trim().is_empty());
    let user_code = user_code.ok_or_else(|| invalid("it has no user_code".to_owned()))?;
    if user_code.chars().count() > LONGEST_USER_CODE {
        return Err(invalid("its user_code is too long to be typed".to_owned()));
    }
    let verification_uri = body
        .verification_uri
        .ok_or_else(|| invalid("it has no verification_uri".to_owned()))
        .and_then(|uri| {
            endpoint::parse_page("verification_uri", &uri, loopback_allowed)
                .map_err(|message| invalid(printable(&message)))
        })?;
    // Omitted if the host may not open it: the plain address is enough.
    let complete = body.verification_uri_complete.and_then(|uri| {
        let complete = endpoint::parse_page("", &uri, loopback_allowed).ok()?;
        same_origin(&complete, &verification_uri).then(|| complete.into())
    });
    Ok(DeviceCode {
        device_code,
        user_code: printable(user_code.trim()),
        verification_uri: verification_uri.into(),
        verification_uri_complete: complete,
        lifetime_s: match seconds(body.expires_in.as_ref()) {
            Some(lifetime) if lifetime > 0 => lifetime.min(LONGEST_LIFETIME_S),
            _ => DEFAULT_LIFETIME_S,
        },
        interval_s: match seconds(body.interval.as_ref()) {
            Some(interval) if interval > 0 => interval.min(LONGEST_INTERVAL_S),
            _ => DEFAULT_INTERVAL_S,
        },
    })
}

/// The failure of a provider without a device authorization endpoint. The login offers
/// another flow.
pub(crate) fn device_login_unavailable() -> Failure {
    Failure::new(
        Code::DeviceLoginUnavailable,
        "this provider has no device login",
        "log in with --flow browser, or with --flow paste if no browser can come back to this machine",
    )
}

fn same_origin(one: &Url, other: &Url) -> bool {
    one.origin() == other.origin()
}

/// A whole number of seconds, also if it was sent as a string.
fn seconds(value: Option<&Value>) -> Option<u64> {
    match value? {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn invalid(reason: String) -> Failure {
    Failure::new(
        Code::InvalidDeviceResponse,
        format!("the device authorization response cannot be used: {reason}"),
        "report it to the provider, whose endpoint does not follow RFC 8628; --flow paste works without it",
    )
}
