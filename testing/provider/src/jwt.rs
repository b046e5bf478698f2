//! Tokens before they are signed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// The two JSON parts of a JWT in compact form (RFC 7515 §3.1, RFC 7519 §3).
pub(crate) struct Jwt {
    pub(crate) header: Map<String, Value>,
    pub(crate) claims: Map<String, Value>,
}

impl Jwt {
    /// Parses a signed token without its signature.
    pub(crate) fn parse(compact: &str) -> Option<Self> {
        let mut parts = compact.split('.').map(|part| {
            let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
            serde_json::from_slice(&bytes).ok()
        });
        Some(Self { header: parts.next()??, claims: parts.next()?? })
    }

    /// The signing input (RFC 7515 §5.1).
    pub(crate) fn signing_input(&self) -> String {
        let [header, claims] = [&self.header, &self.claims].map(|half| {
            let text = Value::Object(half.clone()).to_string();
            URL_SAFE_NO_PAD.encode(text)
        });
        format!("{header}.{claims}")
    }
}

/// The hash that binds an access token to its ID token, also usable for a code as
/// `c_hash` (OpenID Connect Core §3.1.3.6, §3.3.2.11).
pub(crate) fn at_hash(access_token: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(access_token)[..16])
}
