//! Signed tokens (RFC 7519), all of RS256 and all by one key.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rsa::pkcs1::DecodeRsaPrivateKey;
use rsa::pkcs1v15::SigningKey;
use rsa::signature::{SignatureEncoding, Signer as _};
use rsa::traits::PublicKeyParts;
use rsa::{BigUint, RsaPrivateKey};
use serde_json::{Value, json};
use sha2::Sha256;

/// Made for this purpose and good for no other: everybody can read it. A fixed
/// key spares each start the making of one.
const PEM: &str = include_str!("signing-key.pem");

const KID: &str = "standin";

/// Signs what a stand-in says.
pub(crate) struct Signer {
    key: RsaPrivateKey,
}

impl Signer {
    pub(crate) fn new() -> Self {
        // OK because the text is a constant that every test reads.
        let key = RsaPrivateKey::from_pkcs1_pem(PEM).expect("a private key");
        Self { key }
    }

    /// The JSON Web Key Set (RFC 7517 §5).
    pub(crate) fn jwks(&self) -> Value {
        let number = |number: &BigUint| URL_SAFE_NO_PAD.encode(number.to_bytes_be());
        json!({ "keys": [{
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": KID,
            "n": number(self.key.n()),
            "e": number(self.key.e()),
        }] })
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": KID });
        let [header, claims] =
            [&header, claims].map(|half| URL_SAFE_NO_PAD.encode(half.to_string()));
        let input = format!("{header}.{claims}");
        let signature = SigningKey::<Sha256>::new(self.key.clone()).sign(input.as_bytes());
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature.to_vec()))
    }
}
