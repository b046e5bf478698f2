//! Replaces JSON Web Tokens by ones with other claims, signed with a published key that
//! also replaces the provider's key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::KeyPair as _;
use serde_json::{Map, Value, json};

use super::keys::{OTHER_SEED, SEED, Seen, half_hash, key_pair, key_type};
use super::names::is_vocabulary;
use super::redactor::{Readers, Redactor};

impl Redactor {
    /// Returns the replacement of a token. If it can be parsed, the replacement is a JSON
    /// Web Token too.
    pub(super) fn token(&mut self, kind: &str, text: &str) -> String {
        if let Some(known) = self.placeholders.known(text) {
            return known.to_owned();
        }
        match self.signed_again(text) {
            Some(token) => {
                self.placeholders.learn(text, &token);
                token
            }
            None => self.placeholders.secret(kind, text),
        }
    }

    fn signed_again(&mut self, text: &str) -> Option<String> {
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
            self.text("alg", algorithm, Readers::Restricted)
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
        let mut redacted = self.members(&claims, Readers::Restricted);
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

    /// Returns the replacement of a published key: the key that signs in transcripts if the
    /// original signed a token, otherwise a key that signs nothing.
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

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn decode(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}
