//! Assertions: signed statements of who the client is, or whom a token is for (RFC 7521,
//! RFC 7523).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::contract::{Client, Code, EpochMs, Failure, SigningAlgorithm};
use crate::protocol::failure::printable;
use crate::protocol::id_token::{Claims, text, texts};

/// Lifetime of the assertions that this client makes. Long enough for a request, and short
/// enough that a stolen one is worth little.
const LIFETIME_S: u64 = 60;

/// How far in the past an assertion begins: clocks differ.
pub(crate) const BACKDATED_S: u64 = 5;

/// An assertion that another issuer has made. Holds a secret: has no `Debug`.
pub(crate) struct Assertion {
    text: String,
    /// What it says, unchecked: only the signature is a secret. `None`: it is not a JSON Web
    /// Token, or it is encrypted.
    claims: Option<Claims>,
}

impl Assertion {
    /// Takes what a host has read. Fails with `invalid-configuration` if it has expired, or
    /// cannot be an assertion.
    pub(crate) fn read(text: &str, now_ms: EpochMs) -> Result<Self, Failure> {
        let text = text.trim();
        if text.is_empty() || text.contains(|letter: char| letter.is_whitespace()) {
            return Err(unusable("is not one word", "check where it comes from"));
        }
        let claims = part(text, 1);
        let end_s = claims.as_ref().and_then(|claims| claims.get("exp")?.as_f64());
        let end_ms = end_s.map(|end_s| end_s * 1000.0);
        if let Some(end_ms) = end_ms.filter(|end_ms| *end_ms <= now_ms as f64) {
            let ago_s = ((now_ms as f64 - end_ms) / 1000.0) as u64;
            return Err(unusable(
                &format!("expired {ago_s} s ago"),
                "have its issuer make a new one, and check this machine's clock",
            ));
        }
        Ok(Self { text: text.to_owned(), claims })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Fails with `invalid-configuration` if the assertion says that it is for others only.
    pub(crate) fn check_audience(&self, accepted: &[&str]) -> Result<(), Failure> {
        let Some(found) = self.claims.as_ref().map(|claims| texts(claims, "aud")) else {
            return Ok(());
        };
        let is_accepted = |one: &&str| accepted.contains(one);
        if found.is_empty() || found.iter().any(is_accepted) {
            return Ok(());
        }
        let accepted: Vec<String> = accepted.iter().map(|one| printable(one)).collect();
        Err(unusable(
            &format!("is for {}; expected {}", in_list(&found), accepted.join(" or ")),
            "have its issuer make one for this provider",
        ))
    }

    /// Fails with `invalid-configuration` if it is an identity assertion authorization grant
    /// for another client, or for other resources: its provider's settings are then wrong.
    pub(crate) fn check_authorization_grant(&self, client: &Client) -> Result<(), Failure> {
        let Some(claims) = self.claims.as_ref().filter(|_| is_authorization_grant(&self.text))
        else {
            return Ok(());
        };
        let wrong = |what: &str, expected: &str| {
            unusable(
                &format!("{what}; expected {}", printable(expected)),
                "have the identity provider's administrator correct what it issues for this \
                 application",
            )
        };
        let own = client.client_id.as_deref().unwrap_or_default();
        if let Some(other) = text(claims, "client_id").filter(|id| *id != own) {
            return Err(wrong(&format!("is for the client {}", printable(other)), own));
        }
        let resources = texts(claims, "resource");
        let lacks = |wanted: &&String| !resources.contains(&wanted.as_str());
        match client.resources.iter().find(lacks) {
            Some(wanted) if !resources.is_empty() => {
                Err(wrong(&format!("is for the resource {}", in_list(&resources)), wanted))
            }
            _ => Ok(()),
        }
    }

    /// Says what a provider compares with its own settings, or `None` if it cannot be read.
    pub(crate) fn in_words(&self) -> Option<String> {
        let claims = self.claims.as_ref()?;
        let text = |name| printable(text(claims, name).unwrap_or("none"));
        Some(format!(
            "the assertion has iss {}, sub {}, aud {}",
            text("iss"),
            text("sub"),
            in_list(&texts(claims, "aud"))
        ))
    }
}

/// Whether this is an identity assertion authorization grant, by the type in its header
/// (draft-ietf-oauth-identity-assertion-authz-grant §3).
pub(crate) fn is_authorization_grant(assertion: &str) -> bool {
    let header = part(assertion, 0);
    let typ = header.as_ref().and_then(|header| text(header, "typ"));
    typ.is_some_and(|typ| typ.eq_ignore_ascii_case("oauth-id-jag+jwt"))
}

/// Reads a part of a JSON Web Token, unchecked. `None`: it is something else.
fn part(text: &str, position: usize) -> Option<Claims> {
    let part = text.split('.').nth(position)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn in_list(names: &[&str]) -> String {
    match names {
        [] => "none".to_owned(),
        names => names.iter().map(|name| printable(name)).collect::<Vec<_>>().join(", "),
    }
}

fn unusable(what: &str, remedy: &str) -> Failure {
    Failure::configuration(format!("the assertion {what}"), remedy)
}

/// Adds what an assertion says to a refusal: the provider has compared it with its own
/// settings.
pub(crate) fn explain(mut failure: Failure, presented: Option<&str>) -> Failure {
    if let (Code::ProviderRefused, Some(presented)) = (failure.code, presented) {
        failure.message.push_str("; ");
        failure.message.push_str(presented);
    }
    failure
}

/// What a client assertion of this client says (RFC 7523 §3).
pub(crate) struct Statement<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) audience: &'a str,
    pub(crate) key_id: Option<&'a str>,
    /// Different for each request.
    pub(crate) jti: String,
    pub(crate) now_ms: EpochMs,
}

impl Statement<'_> {
    /// Returns what is to be signed (RFC 7515 §5.1).
    pub(crate) fn signing_input(&self, algorithm: &str) -> String {
        let mut header = json!({ "alg": algorithm, "typ": "client-authentication+jwt" });
        if let Some(id) = self.key_id {
            header["kid"] = id.into();
        }
        let now_s = self.now_ms / 1000;
        let claims = json!({
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.audience,
            "jti": self.jti,
            "iat": now_s.saturating_sub(BACKDATED_S),
            "exp": now_s.saturating_add(LIFETIME_S),
        });
        signing_input(&header, &claims)
    }

    /// Returns the assertion, signed with the client secret.
    pub(crate) fn signed_with(&self, secret: &str) -> String {
        let input = self.signing_input("HS256");
        // OK because HMAC takes keys of any length.
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key");
        mac.update(input.as_bytes());
        compact(&input, &mac.finalize().into_bytes())
    }
}

/// Returns what is signed for a JSON Web Token with this header and these claims (RFC 7515
/// §5.1).
pub(crate) fn signing_input(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

/// Returns the token of an input and its signature (RFC 7515 §7.1).
pub(crate) fn compact(input: &str, signature: &[u8]) -> String {
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Returns the name of an algorithm in tokens (RFC 7518 §3.1, RFC 8037 §3.1).
pub(crate) fn algorithm_name(algorithm: SigningAlgorithm) -> &'static str {
    match algorithm {
        SigningAlgorithm::Es256 => "ES256",
        SigningAlgorithm::Eddsa => "EdDSA",
        SigningAlgorithm::Ps256 => "PS256",
        SigningAlgorithm::Rs256 => "RS256",
    }
}
