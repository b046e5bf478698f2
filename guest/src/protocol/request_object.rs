//! Signed authorization requests (RFC 9101): nobody can change them on their way through the
//! browser.

use serde_json::{Map, Value, json};

use crate::contract::{Client, ClientKey, Code, EpochMs, Failure};
use crate::protocol::assertion::{BACKDATED_S, algorithm_name, signing_input};
use crate::protocol::authorization_details::AUTHORIZATION_DETAILS;
use crate::protocol::metadata::Provider;

/// Lifetime of a request: a user who opens the address later than this has to log in again.
const LIFETIME_S: u64 = 300;

/// Returns the key that the client signs its authorization requests with, or `None` if it
/// sends them unsigned.
///
/// Fails with `invalid-configuration` if it has no key, and with `invalid-metadata` if the
/// provider takes no request that this client can make.
pub(crate) fn request_key<'a>(
    client: &'a Client,
    provider: &Provider,
) -> Result<Option<&'a ClientKey>, Failure> {
    if !client.signs_request {
        return match provider.requires_signed_requests {
            false => Ok(None),
            true => Err(Failure::configuration(
                "the provider takes only signed authorization requests (require_signed_request_object)",
                "sign them with --request-object and the key file of the client",
            )),
        };
    }
    let key = client.key.as_ref().ok_or_else(|| {
        Failure::configuration(
            "the authorization request is to be signed, but the client has no key",
            "set the key file of the client",
        )
    })?;
    let algorithm = algorithm_name(key.algorithm);
    match &provider.request_algorithms {
        Some(known) if !known.iter().any(|one| one == algorithm) => Err(Failure::new(
            Code::InvalidMetadata,
            format!(
                "the provider takes no authorization requests that are signed with {algorithm} (request_object_signing_alg_values_supported)"
            ),
            "use a key for one of its algorithms",
        )),
        _ => Ok(Some(key)),
    }
}

/// Returns what to sign: a request with these parameters (RFC 9101 §4).
pub(crate) fn request_input(
    client: &Client,
    key: &ClientKey,
    parameters: Vec<(&str, String)>,
    jti: String,
    now_ms: EpochMs,
) -> String {
    let mut header = json!({ "alg": algorithm_name(key.algorithm), "typ": "oauth-authz-req+jwt" });
    if let Some(id) = &key.id {
        header["kid"] = id.as_str().into();
    }
    let now_s = now_ms / 1000;
    let mut claims = Map::new();
    for (name, value) in parameters {
        let value = typed(name, value);
        match claims.get_mut(name) {
            None => drop(claims.insert(name.to_owned(), value)),
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    for (name, value) in [
        ("iss", client.id().into()),
        ("aud", client.issuer.as_deref().into()),
        ("jti", jti.into()),
        ("iat", now_s.saturating_sub(BACKDATED_S).into()),
        ("nbf", now_s.saturating_sub(BACKDATED_S).into()),
        ("exp", now_s.saturating_add(LIFETIME_S).into()),
    ] {
        claims.insert(name.to_owned(), value);
    }
    signing_input(&header, &claims.into())
}

/// In a signed request, these parameters are numbers and JSON instead of text (OIDC §6.1, RFC
/// 9396 §3).
fn typed(name: &str, text: String) -> Value {
    match name {
        "max_age" | "claims" | AUTHORIZATION_DETAILS => {
            serde_json::from_str(&text).unwrap_or(Value::String(text))
        }
        _ => Value::String(text),
    }
}
