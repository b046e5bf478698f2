//! Signed tokens (RFC 7519): with RS256 and one key, or with HS256 and a secret.

use crate::random_text;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use rsa::PrivateKey;
use rsa::pkcs1::DecodeRsaPrivateKey as _;
use rsa::pkcs1v15::SigningKey;
use rsa::signature::{SignatureEncoding as _, Signer as _};
use rsa::traits::PublicKeyParts as _;
use serde_json::{Value, json};
use sha2::Sha256;

/// Key made only for this purpose: it is public. A fixed key saves the time to generate
/// one at each start.
const PEM: &str = include_str!("signing-key.pem");

const KID: &str = "standin";

/// Signer of a stand-in's tokens.
pub(crate) enum Signer {
    /// RS256.
    Asymmetric(Box<PrivateKey>),
    /// HS256, with a secret that only the server knows.
    Symmetric(String),
}

impl Signer {
    pub(crate) fn asymmetric() -> Self {
        // OK because the text is a constant that every test reads.
        let key = PrivateKey::from_pkcs1_pem(PEM).expect("a private key");
        Self::Asymmetric(Box::new(key))
    }

    pub(crate) fn symmetric() -> Self {
        Self::Symmetric(random_text())
    }

    /// The JSON Web Key Set (RFC 7517 §5). Empty for a secret.
    pub(crate) fn jwks(&self) -> Value {
        let Self::Asymmetric(key) = self else { return json!({ "keys": [] }) };
        json!({ "keys": [{
            "kty": "RSA",
            "use": "sig",
            "alg": self.algorithm(),
            "kid": KID,
            "n": URL_SAFE_NO_PAD.encode(key.n_bytes()),
            "e": URL_SAFE_NO_PAD.encode(key.e_bytes()),
        }] })
    }

    /// The name of the algorithm (RFC 7518 §3.1).
    pub(crate) fn algorithm(&self) -> &'static str {
        match self {
            Self::Asymmetric(_) => "RS256",
            Self::Symmetric(_) => "HS256",
        }
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        let mut header = json!({ "alg": self.algorithm(), "typ": "JWT" });
        if let Self::Asymmetric(_) = self {
            header["kid"] = json!(KID);
        }
        let [header, claims] =
            [&header, claims].map(|half| URL_SAFE_NO_PAD.encode(half.to_string()));
        let input = format!("{header}.{claims}");
        let signature = match self {
            Self::Asymmetric(key) => {
                SigningKey::<Sha256>::new((**key).clone()).sign(input.as_bytes()).to_vec()
            }
            Self::Symmetric(secret) => {
                // OK because HMAC takes keys of any length (RFC 2104 §3).
                let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes());
                let mac = mac.expect("a key of any length").chain_update(&input);
                mac.finalize().into_bytes().to_vec()
            }
        };
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
