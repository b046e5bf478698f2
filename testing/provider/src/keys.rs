//! Keys that sign tokens.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use p256::ecdsa::{Signature, SigningKey};
use rsa::PrivateKey;
use rsa::pkcs1::DecodeRsaPrivateKey as _;
use rsa::signature::{SignatureEncoding as _, Signer as _};
use rsa::traits::PublicKeyParts as _;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::jwt::Jwt;
use crate::random::{random_bytes, random_text};

/// RSA key made only for this purpose: it is public. A fixed key saves the time to
/// generate one at each start.
const RSA_PEM: &str = include_str!("signing-key.pem");

const RSA_KID: &str = "rsa";

/// The algorithm of a provider's tokens (RFC 7518 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signing {
    /// A P-256 key, made at the start.
    Es256,
    /// The well-known RSA key.
    Rs256,
    /// A secret that only the provider knows. It publishes no key, and no client can check
    /// a token.
    Hs256,
}

/// The current key and the previous one, which stays published so that its signatures can
/// still be verified (OpenID Connect Core §10.1.1).
pub(crate) struct Keys {
    current: Key,
    retired: Option<Key>,
}

type RsaSigningKey = rsa::pkcs1v15::SigningKey<Sha256>;

enum Key {
    Es256 { kid: String, key: SigningKey },
    Rs256(Box<RsaSigningKey>),
    Hs256(String),
}

impl Signing {
    /// The registered name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
            Self::Hs256 => "HS256",
        }
    }

    /// Whether a client can fetch the keys.
    pub(crate) fn publishes_keys(self) -> bool {
        self != Self::Hs256
    }
}

impl Keys {
    pub(crate) fn generate(signing: Signing) -> Self {
        Self { current: Key::generate(signing), retired: None }
    }

    /// Replaces the current key. There is only one RSA key, which stays.
    pub(crate) fn rotate(&mut self) {
        let new = Key::generate(self.current.signing());
        self.retired = Some(std::mem::replace(&mut self.current, new));
    }

    /// The current key's id. `None` for a secret, whose tokens name no key.
    pub(crate) fn current_kid(&self) -> Option<&str> {
        match &self.current {
            Key::Es256 { kid, .. } => Some(kid),
            Key::Rs256(_) => Some(RSA_KID),
            Key::Hs256(_) => None,
        }
    }

    /// The JSON Web Key Set (RFC 7517 §5).
    pub(crate) fn jwks(&self) -> Value {
        let keys = std::iter::once(&self.current).chain(&self.retired);
        json!({ "keys": keys.filter_map(Key::jwk).collect::<Vec<_>>() })
    }

    /// Returns a signed token with these claims.
    pub(crate) fn issue(&self, claims: Map<String, Value>) -> String {
        let mut header = Map::new();
        header.insert("alg".into(), json!(self.current.signing().name()));
        header.insert("typ".into(), json!("JWT"));
        header.extend(self.current_kid().map(|kid| ("kid".into(), json!(kid))));
        self.sign(&Jwt { header, claims })
    }

    /// Signs a token with the algorithm in its header.
    ///
    /// Only faults use another algorithm than that of the key: `HS256` uses the public key
    /// as a shared secret, an attack that a client must detect (RFC 8725 §2.1), and any
    /// other algorithm gives no signature.
    pub(crate) fn sign(&self, token: &Jwt) -> String {
        let input = token.signing_input();
        let signature = match (token.header.get("alg").and_then(Value::as_str), &self.current) {
            (Some("ES256"), Key::Es256 { key, .. }) => {
                let signature: Signature = key.sign(input.as_bytes());
                signature.to_vec()
            }
            (Some("RS256"), Key::Rs256(key)) => key.sign(input.as_bytes()).to_vec(),
            (Some("HS256"), key) => {
                // OK because HMAC takes keys of any length (RFC 2104 §3).
                let mac = Hmac::<Sha256>::new_from_slice(&key.shared()).expect("any length");
                mac.chain_update(&input).finalize().into_bytes().to_vec()
            }
            _ => Vec::new(),
        };
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

impl Key {
    fn generate(signing: Signing) -> Self {
        match signing {
            Signing::Es256 => Self::generate_es256(),
            Signing::Rs256 => {
                // OK because the text is a constant that every test reads.
                let key = PrivateKey::from_pkcs1_pem(RSA_PEM).expect("a private key");
                Self::Rs256(Box::new(RsaSigningKey::new(key)))
            }
            Signing::Hs256 => Self::Hs256(random_text()),
        }
    }

    fn generate_es256() -> Self {
        // One draw in 2^32 is not a valid key of this curve.
        let key = loop {
            if let Ok(key) = SigningKey::from_slice(&random_bytes::<32>()) {
                break key;
            }
        };
        // The thumbprint of RFC 7638 §3: the required members in this order, without
        // spaces.
        let [x, y] = coordinates(&key);
        let members = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        Self::Es256 { kid: URL_SAFE_NO_PAD.encode(Sha256::digest(members)), key }
    }

    fn signing(&self) -> Signing {
        match self {
            Self::Es256 { .. } => Signing::Es256,
            Self::Rs256(_) => Signing::Rs256,
            Self::Hs256(_) => Signing::Hs256,
        }
    }

    /// The public key (RFC 7517 §4). `None` for a secret.
    fn jwk(&self) -> Option<Value> {
        match self {
            Self::Es256 { kid, key } => {
                let [x, y] = coordinates(key);
                Some(json!({
                    "kty": "EC",
                    "use": "sig",
                    "alg": "ES256",
                    "kid": kid,
                    "crv": "P-256",
                    "x": x,
                    "y": y,
                }))
            }
            Self::Rs256(key) => {
                let key = rsa_key(key);
                Some(json!({
                    "kty": "RSA",
                    "use": "sig",
                    "alg": "RS256",
                    "kid": RSA_KID,
                    "n": URL_SAFE_NO_PAD.encode(key.n_bytes()),
                    "e": URL_SAFE_NO_PAD.encode(key.e_bytes()),
                }))
            }
            Self::Hs256(_) => None,
        }
    }

    /// The secret, or the public key in its place.
    fn shared(&self) -> Vec<u8> {
        match self {
            Self::Es256 { key, .. } => point(key),
            Self::Rs256(key) => rsa_key(key).n_bytes().to_vec(),
            Self::Hs256(secret) => secret.clone().into_bytes(),
        }
    }
}

fn rsa_key(key: &RsaSigningKey) -> &PrivateKey {
    key.as_ref()
}

fn coordinates(key: &SigningKey) -> [String; 2] {
    let point = point(key);
    // An uncompressed point is a tag byte followed by the two coordinates (SEC 1 §2.3.3).
    let (x, y) = point[1..].split_at(32);
    [x, y].map(|half| URL_SAFE_NO_PAD.encode(half))
}

fn point(key: &SigningKey) -> Vec<u8> {
    key.verifying_key().to_sec1_point(false).as_bytes().to_vec()
}
