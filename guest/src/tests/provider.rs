//! Responses of the scripted provider: metadata, keys, tokens and errors.

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::keys::{Key, encode};
use super::known::Known;
use crate::contract::{NoResponse, Reply, Response, Unreachable};
use crate::protocol::request::header;

pub(super) const ISSUER: &str = "https://id.example";

/// A response to a request, which may depend on what was sent before.
pub(super) trait Answer {
    fn reply(self, known: &Known) -> Reply;
}

impl Answer for Reply {
    fn reply(self, _: &Known) -> Reply {
        self
    }
}

/// An answer that is a signed token, of this media type.
pub(super) struct Signed(pub(super) &'static str, pub(super) IdToken);

impl Answer for Signed {
    fn reply(self, known: &Known) -> Reply {
        sealed(self.0, &self.1.issue(known, ""))
    }
}

/// An answer that is a token.
pub(super) fn sealed(media_type: &str, token: &str) -> Reply {
    let headers = vec![header("content-type", media_type)];
    Reply::Answered(Ok(Response { status: 200, headers, body: token.as_bytes().to_vec() }))
}

impl Answer for Value {
    fn reply(self, _: &Known) -> Reply {
        ok(self)
    }
}

pub(super) fn ok(body: Value) -> Reply {
    status(200, &body.to_string())
}

pub(super) fn status(status: u16, body: &str) -> Reply {
    let headers = vec![header("content-type", "application/json")];
    Reply::Answered(Ok(Response { status, headers, body: body.as_bytes().to_vec() }))
}

pub(super) fn not_found() -> Reply {
    status(404, "no such page")
}

pub(super) fn oauth_error(error: &str) -> Reply {
    status(400, &json!({ "error": error }).to_string())
}

/// The request was sent, and no response arrived.
pub(super) fn unreachable() -> Reply {
    let reason = "connection reset".to_owned();
    Reply::Answered(Err(NoResponse::Unreachable(Unreachable { reason, sent: true })))
}

/// The request was not sent.
pub(super) fn unsent() -> Reply {
    let reason = "connection refused".to_owned();
    Reply::Answered(Err(NoResponse::Unreachable(Unreachable { reason, sent: false })))
}

/// The body was longer than the host's limit, in bytes.
pub(super) fn too_large(limit: u64) -> Reply {
    Reply::Answered(Err(NoResponse::TooLarge(limit)))
}

/// The host does not allow the request.
pub(super) fn denied(reason: &str) -> Reply {
    Reply::Answered(Err(NoResponse::Denied(reason.to_owned())))
}

/// A complete metadata document.
pub(super) fn metadata() -> Value {
    json!({
        "issuer": ISSUER,
        "authorization_endpoint": "https://id.example/authorize",
        "token_endpoint": "https://id.example/token",
        "userinfo_endpoint": "https://id.example/userinfo",
        "revocation_endpoint": "https://id.example/revoke",
        "jwks_uri": "https://id.example/keys",
        "token_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
    })
}

/// The metadata document with `field` set to `value`. Null removes the field.
pub(super) fn metadata_with(field: &str, value: Value) -> Value {
    let mut document = metadata();
    document[field] = value;
    if document[field].is_null() {
        document.as_object_mut().unwrap().remove(field);
    }
    document
}

/// A key set.
pub(super) fn keys(keys: &[Key]) -> Value {
    json!({ "keys": keys.iter().map(Key::jwk).collect::<Vec<_>>() })
}

/// The key set with the key that signs ID tokens by default.
pub(super) fn usual_keys() -> Value {
    keys(&[Key::for_algorithm("ES256")])
}

/// A token response: an access token for an hour, a refresh token, and the ID token if
/// one was added.
#[derive(Clone)]
pub(super) struct Tokens {
    body: Value,
    id_token: Option<IdToken>,
}

/// The tokens of generation `number`, so that a test can tell them apart.
pub(super) fn tokens(number: u32) -> Tokens {
    let body = json!({
        "access_token": access_token(number),
        "token_type": "Bearer",
        "expires_in": 3600,
        "refresh_token": refresh_token(number),
    });
    Tokens { body, id_token: None }
}

pub(super) fn access_token(number: u32) -> String {
    format!("access-secret-{number}")
}

pub(super) fn refresh_token(number: u32) -> String {
    format!("refresh-secret-{number}")
}

impl Tokens {
    pub(super) fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.body[field] = value.into();
        self
    }

    pub(super) fn without(mut self, field: &str) -> Self {
        self.body.as_object_mut().unwrap().remove(field);
        self
    }

    pub(super) fn and(mut self, id_token: IdToken) -> Self {
        self.id_token = Some(id_token);
        self
    }
}

impl Answer for Tokens {
    fn reply(mut self, known: &Known) -> Reply {
        if let Some(id_token) = self.id_token {
            let access_token = self.body["access_token"].as_str().unwrap_or_default();
            self.body["id_token"] = json!(id_token.issue(known, access_token));
        }
        self.body.reply(known)
    }
}

/// An ID token to be issued.
#[derive(Clone)]
pub(super) struct IdToken {
    key: Key,
    header: Map<String, Value>,
    claims: Map<String, Value>,
    /// Claims that are times, in milliseconds from now.
    times: Vec<(&'static str, i64)>,
    /// Claims that bind a text. The half hash is computed when the token is issued.
    hashes: Vec<(&'static str, Option<&'static str>)>,
    without: Vec<&'static str>,
}

/// An ID token that passes every check: it has the nonce that was sent, was issued now,
/// and expires in five minutes.
pub(super) fn id_token() -> IdToken {
    signed_by(Key::for_algorithm("ES256"), "ES256")
}

pub(super) fn signed_by(key: Key, algorithm: &str) -> IdToken {
    let header = json!({ "alg": algorithm, "kid": key.kid });
    let claims = json!({ "iss": ISSUER, "sub": "ada", "aud": "cli", "name": "Ada" });
    IdToken {
        key,
        header: header.as_object().unwrap().clone(),
        claims: claims.as_object().unwrap().clone(),
        times: vec![("iat", 0), ("exp", 300_000)],
        hashes: Vec::new(),
        without: Vec::new(),
    }
}

impl IdToken {
    pub(super) fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a claim unless there is one of this name.
    pub(super) fn or_claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.entry(name).or_insert(value.into());
        self
    }

    /// Adds a claim that is a time, in milliseconds from now.
    pub(super) fn at(mut self, name: &'static str, from_now_ms: i64) -> Self {
        self.times.retain(|(earlier, _)| *earlier != name);
        self.times.push((name, from_now_ms));
        self
    }

    /// Adds `at_hash` for the access token in the same response.
    pub(super) fn bound_to_access_token(mut self) -> Self {
        self.hashes.push(("at_hash", None));
        self
    }

    pub(super) fn bound_to(mut self, name: &'static str, text: &'static str) -> Self {
        self.hashes.push((name, Some(text)));
        self
    }

    pub(super) fn without(mut self, name: &'static str) -> Self {
        self.without.push(name);
        self
    }

    pub(super) fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    pub(super) fn without_kid(mut self) -> Self {
        self.header.remove("kid");
        self
    }

    pub(super) fn issue(self, known: &Known, access_token: &str) -> String {
        let algorithm = self.header["alg"].as_str().unwrap_or_default().to_owned();
        let mut claims = self.claims;
        for (name, from_now_ms) in self.times {
            let at_ms = known.now_ms.saturating_add_signed(from_now_ms);
            claims.entry(name).or_insert(json!(at_ms as f64 / 1000.0));
        }
        for (name, text) in self.hashes {
            claims.insert(name.to_owned(), half_hash(&algorithm, text.unwrap_or(access_token)));
        }
        if let Some(nonce) = &known.nonce {
            claims.entry("nonce").or_insert(json!(nonce));
        }
        claims.retain(|name, _| !self.without.contains(&name.as_str()));
        let part = |part: Map<String, Value>| encode(Value::Object(part).to_string().as_bytes());
        let input = format!("{}.{}", part(self.header), part(claims));
        let signature = self.key.sign(&algorithm, &input);
        format!("{input}.{signature}")
    }
}

fn half_hash(algorithm: &str, text: &str) -> Value {
    let hash = match algorithm {
        "RS384" | "PS384" | "ES384" => Sha384::digest(text).to_vec(),
        "RS512" | "PS512" | "EdDSA" => Sha512::digest(text).to_vec(),
        _ => Sha256::digest(text).to_vec(),
    };
    json!(encode(&hash[..hash.len() / 2]))
}
