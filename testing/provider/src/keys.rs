//! Keys that sign ID tokens.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use p256::EncodedPoint;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::id_token::IdToken;

/// The current key and the previous one, which stays published so that its signatures can
/// still be verified (OpenID Connect Core §10.1.1).
pub(crate) struct Keys {
    current: Key,
    retired: Option<Key>,
}

struct Key {
    kid: String,
    signing: SigningKey,
}

impl Keys {
    pub(crate) fn generate() -> Self {
        Self { current: Key::generate(), retired: None }
    }

    pub(crate) fn rotate(&mut self) {
        let old = std::mem::replace(&mut self.current, Key::generate());
        self.retired = Some(old);
    }

    pub(crate) fn current_kid(&self) -> &str {
        &self.current.kid
    }

    /// The JSON Web Key Set (RFC 7517 §5).
    pub(crate) fn jwks(&self) -> Value {
        let keys = std::iter::once(&self.current).chain(&self.retired);
        json!({ "keys": keys.map(Key::jwk).collect::<Vec<_>>() })
    }

    /// Signs a token with the algorithm in its header.
    ///
    /// Only faults use another algorithm than `ES256`: `HS256` uses the public key as a
    /// shared secret, an attack that a client must detect (RFC 8725 §2.1), and any other
    /// algorithm gives no signature.
    pub(crate) fn sign(&self, token: &IdToken) -> String {
        let input = token.signing_input();
        let signature = match token.header.get("alg").and_then(Value::as_str) {
            Some("ES256") => {
                let signature: Signature = self.current.signing.sign(input.as_bytes());
                signature.to_vec()
            }
            Some("HS256") => {
                let secret = self.current.point();
                // OK because HMAC takes keys of any length (RFC 2104 §3).
                let mut mac =
                    Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key of any length");
                mac.update(input.as_bytes());
                mac.finalize().into_bytes().to_vec()
            }
            _ => Vec::new(),
        };
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

impl Key {
    fn generate() -> Self {
        // One draw in 2^32 is not a valid key of this curve.
        let signing = loop {
            if let Ok(signing) = SigningKey::from_slice(&random_bytes()) {
                break signing;
            }
        };
        let mut key = Self { kid: String::new(), signing };
        key.kid = key.thumbprint();
        key
    }

    fn jwk(&self) -> Value {
        let [x, y] = self.coordinates();
        json!({
            "kty": "EC",
            "use": "sig",
            "alg": "ES256",
            "kid": self.kid,
            "crv": "P-256",
            "x": x,
            "y": y,
        })
    }

    /// The thumbprint of RFC 7638 §3: the required members in this order, without spaces.
    fn thumbprint(&self) -> String {
        let [x, y] = self.coordinates();
        let members = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        URL_SAFE_NO_PAD.encode(Sha256::digest(members))
    }

    fn coordinates(&self) -> [String; 2] {
        let point = self.point();
        // An uncompressed point is a tag byte followed by the two coordinates (SEC 1
        // §2.3.3).
        let (x, y) = point.as_bytes()[1..].split_at(32);
        [x, y].map(|half| URL_SAFE_NO_PAD.encode(half))
    }

    fn point(&self) -> EncodedPoint {
        self.signing.verifying_key().to_encoded_point(false)
    }
}

/// 256 random bits as text, for a code or a token.
pub fn random_text() -> String {
    URL_SAFE_NO_PAD.encode(random_bytes())
}

fn random_bytes() -> [u8; 32] {
    let mut bytes = [0; 32];
    // OK because a system without randomness cannot run a provider at all.
    getrandom::fill(&mut bytes).expect("the system's random source answers");
    bytes
}
