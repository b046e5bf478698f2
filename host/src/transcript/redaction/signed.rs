//! JSON Web Tokens without what they tell: other claims, signed anew with a key
//! that everybody has, which stands where the provider's stood.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::names::is_vocabulary;
use super::redactor::{Readers, Redactor};

/// Published, so that nobody takes it for a key: signs every token in transcripts.
const SEED: &[u8; 32] = b"latchstring transcript test key!";

/// Signs nothing: stands for every key that did not sign.
const OTHER_SEED: &[u8; 32] = b"latchstring transcript other key";

/// What is known of the tokens seen so far.
#[derive(Default)]
pub(super) struct Signed {
    /// Whether the provider's keys are to verify nothing, as they did.
    pub(super) are_broken: bool,
    seen: Vec<Seen>,
}

/// A token's header.
struct Seen {
    kid: Option<String>,
    /// The type of the key that it was signed with.
    kty: &'static str,
}

impl Redactor {
    /// A token, which becomes another one where it can be read.
    pub(super) fn token(&mut self, kind: &str, text: &str) -> String {
        if let Some(known) = self.placeholders.known(text) {
            return known.to_owned();
        }
        match self.anew(text) {
            Some(token) => {
                self.placeholders.learn(text, &token);
                token
            }
            None => self.placeholders.secret(kind, text),
        }
    }

    fn anew(&mut self, text: &str) -> Option<String> {
        let (input, signature) = text.rsplit_once('.')?;
        let (header, claims) = input.split_once('.')?;
        let header: Map<String, Value> = serde_json::from_slice(&decode(header)?).ok()?;
        let claims: Map<String, Value> = serde_json::from_slice(&decode(claims)?).ok()?;
        decode(signature)?;
        let algorithm = header.get("alg")?.as_str()?;
        let kid = header.get("kid").and_then(Value::as_str);
        let kty = key_type(algorithm);
        self.signed.seen.extend(kty.map(|kty| Seen { kid: kid.map(str::to_owned), kty }));
        let mut written = Map::new();
        let name = if kty.is_some() {
            "EdDSA".to_owned()
        } else {
            self.text("alg", algorithm, Readers::Few)
        };
        written.insert("alg".to_owned(), name.into());
        if let Some(kid) = kid {
            written.insert("kid".to_owned(), self.placeholders.stand_in("key", kid).into());
        }
        if let Some(typ) =
            header.get("typ").and_then(Value::as_str).filter(|typ| is_vocabulary(typ))
        {
            written.insert("typ".to_owned(), typ.into());
        }
        if header.contains_key("crit") {
            written.insert("crit".to_owned(), json!(["member-1"]));
        }
        let bound = [("at_hash", self.access_token.clone()), ("c_hash", self.code.clone())];
        let mut redacted = self.members(&claims, Readers::Few);
        for (claim, bound) in bound {
            let found = claims.get(claim).and_then(Value::as_str);
            if let (Some(found), Some((original, placeholder))) = (found, bound)
                && half_hash(algorithm, &original).as_deref() == Some(found)
            {
                redacted.insert(claim.to_owned(), half_hash("EdDSA", &placeholder)?.into());
            }
        }
        let input =
            format!("{}.{}", encode(&Value::Object(written)), encode(&Value::Object(redacted)));
        let signature = match kty {
            Some(_) => URL_SAFE_NO_PAD.encode(key_pair(SEED)?.sign(input.as_bytes())),
            None if signature.is_empty() => String::new(),
            None => URL_SAFE_NO_PAD.encode("left out"),
        };
        Some(format!("{input}.{signature}"))
    }

    /// A published key: the one that signs in transcripts where it signed, else one
    /// that signs nothing.
    pub(super) fn key(&mut self, key: &Value) -> Value {
        let kid = key["kid"].as_str();
        let kty = key["kty"].as_str().unwrap_or_default();
        let signs = self.signed.seen.iter().any(|seen| match (&seen.kid, kid) {
            (Some(one), Some(other)) => one == other,
            _ => seen.kty == kty,
        });
        let seed = if signs && !self.signed.are_broken { SEED } else { OTHER_SEED };
        let point = key_pair(seed).map(|pair| URL_SAFE_NO_PAD.encode(pair.public_key()));
        let mut written = json!({ "kty": "OKP", "crv": "Ed25519", "x": point });
        if let Some(kid) = kid {
            written["kid"] = self.placeholders.stand_in("key", kid).into();
        }
        if let Some(usage) = key["use"].as_str().filter(|usage| is_vocabulary(usage)) {
            written["use"] = usage.into();
        }
        written
    }
}

/// The type of key of an algorithm that can be verified with a published one (RFC
/// 7518 §3.1, RFC 8037 §3.1).
fn key_type(algorithm: &str) -> Option<&'static str> {
    match algorithm {
        "RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512" => Some("RSA"),
        "ES256" | "ES384" => Some("EC"),
        "EdDSA" | "Ed25519" => Some("OKP"),
        _ => None,
    }
}

/// OIDC §3.1.3.6.
fn half_hash(algorithm: &str, text: &str) -> Option<String> {
    let hash = match algorithm {
        "RS256" | "PS256" | "ES256" => Sha256::digest(text).to_vec(),
        "RS384" | "PS384" | "ES384" => Sha384::digest(text).to_vec(),
        "RS512" | "PS512" | "EdDSA" | "Ed25519" => Sha512::digest(text).to_vec(),
        _ => return None,
    };
    Some(URL_SAFE_NO_PAD.encode(&hash[..hash.len() / 2]))
}

fn key_pair(seed: &[u8; 32]) -> Option<Ed25519KeyPair> {
    Ed25519KeyPair::from_seed_unchecked(seed).ok()
}

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn decode(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}
