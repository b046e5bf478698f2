//! JSON Web Keys (RFC 7517, RFC 7518 §6, RFC 8037 §2).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::contract::{Code, Failure, Response};
use crate::protocol::failure::unavailable;

/// A public key as published. Secret parts of a key are never read.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Jwk {
    pub(crate) kty: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kid: Option<String>,
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    pub(crate) usage: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) alg: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) crv: Option<String>,
    /// The issuer, or template with `{tenantid}`, that a multi-tenant provider limits the
    /// key to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) issuer: Option<String>,
    /// RSA modulus and exponent, base64url.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) n: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) e: Option<String>,
    /// Curve coordinates, base64url.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) x: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) y: Option<String>,
}

/// Returns the keys of a key set. Keys that cannot be parsed are ignored, because a set
/// may contain unknown kinds (RFC 7517 §5). `code` is the failure code of the token that
/// the keys are for.
pub(crate) fn parse_keys_response(response: &Response, code: Code) -> Result<Vec<Jwk>, Failure> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<Value>,
    }
    if let Some(failure) = unavailable("the provider's key set", response) {
        return Err(failure);
    }
    if response.status != 200 {
        let status = response.status;
        return Err(invalid(code, &format!("came with status {status}; expected 200")));
    }
    let set: Set = serde_json::from_slice(&response.body)
        .map_err(|_| invalid(code, "cannot be read: expected JSON with a list `keys`"))?;
    Ok(set.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect())
}

fn invalid(code: Code, reason: &str) -> Failure {
    Failure::new(
        code,
        format!("the provider's key set {reason}"),
        "report it to the provider; tokens cannot be checked without its keys",
    )
}
