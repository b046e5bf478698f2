//! Signed authorization responses (JARM): nobody can change them on their way through the
//! browser.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

use crate::contract::{Client, Code, EpochMs, Failure};
use crate::protocol::id_token::CLOCK_SKEW_MS;
use crate::protocol::jwk::Jwk;
use crate::protocol::jws::verify;
use crate::protocol::metadata::{Provider, invalid};

/// The response mode that asks for them.
pub(crate) const RESPONSE_MODE: &str = "jwt";

/// What a response says (JARM §2.1).
#[derive(Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: Option<String>,
    aud: Option<Value>,
    exp: Option<f64>,
    pub(crate) state: Option<String>,
    pub(crate) code: Option<String>,
    pub(crate) error: Option<String>,
    pub(crate) error_description: Option<String>,
}

/// Returns where the keys are that responses are checked with, or `None` if the client asks
/// for no signed ones.
///
/// Fails with `invalid-metadata` if the provider does not sign, or publishes no keys.
pub(crate) fn response_keys<'a>(
    client: &Client,
    provider: &'a Provider,
) -> Result<Option<&'a String>, Failure> {
    if !client.demands_signed_response {
        return Ok(None);
    }
    let is_known = |modes: &Vec<String>| modes.iter().any(|one| one == "jwt" || one == "query.jwt");
    if provider.response_modes.as_ref().is_some_and(|modes| !is_known(modes)) {
        return Err(invalid(
            "the provider does not sign authorization responses (response_modes_supported), which this login demands",
        ));
    }
    match &provider.jwks_uri {
        Some(jwks_uri) => Ok(Some(jwks_uri)),
        None => Err(invalid(
            "signed authorization responses cannot be checked without the provider's keys (jwks_uri)",
        )),
    }
}

/// Returns what a response says, before its signature is checked. Returns `None` if it is not
/// a signed one.
pub(crate) fn unchecked(response: &str) -> Option<Claims> {
    let payload = response.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

/// Checks a response (JARM §2.4), apart from its issuer. Its claims are those of `unchecked`.
pub(crate) fn check(
    response: &str,
    claims: &Claims,
    keys: &[Jwk],
    client_id: &str,
    now_ms: EpochMs,
) -> Result<(), Failure> {
    verify(response, keys, None).map_err(|rejection| rejected(&rejection.in_words()))?;
    let is_ours = match &claims.aud {
        Some(Value::String(one)) => one == client_id,
        Some(Value::Array(all)) => all.iter().any(|one| one == client_id),
        _ => false,
    };
    if !is_ours {
        return Err(rejected("is for another client"));
    }
    let end_ms = claims.exp.unwrap_or_default() * 1000.0 + CLOCK_SKEW_MS as f64;
    match end_ms > now_ms as f64 {
        true => Ok(()),
        false => Err(rejected("has expired; check this machine's clock")),
    }
}

/// The failure of a response without a signature, although one was demanded.
pub(crate) fn unsigned() -> Failure {
    rejected("is not signed, which this login demands")
}

fn rejected(reason: &str) -> Failure {
    Failure::new(
        Code::InvalidMetadata,
        format!("the authorization response {reason}"),
        "log in again; if it happens again, report it to the provider",
    )
}
