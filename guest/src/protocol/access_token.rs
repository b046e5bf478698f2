//! Checks of access tokens that are JSON Web Tokens, without the provider (RFC 9068 §4).

use serde_json::Value;

use crate::contract::{AccessRules, Code, EpochMs, Failure};
use crate::protocol::endpoint::IssuerName;
use crate::protocol::failure::printable;
use crate::protocol::id_token::{Claims, check_key_issuer, text};
use crate::protocol::jwk::Jwk;
use crate::protocol::jws::{self, Jws, Unverified};

pub(crate) enum Rejection {
    /// None of the keys verifies the signature; another key might.
    UnknownKey(Unverified),
    /// The token has expired; a new one may be valid.
    Expired(Failure),
    Failed(Failure),
}

/// Checks that the token is signed by this issuer, valid now, and sufficient for `rules`.
/// Returns its claims.
pub(crate) fn verify(
    token: &str,
    keys: &[Jwk],
    issuer: &IssuerName,
    rules: &AccessRules,
    now_ms: EpochMs,
) -> Result<Claims, Rejection> {
    // A secret that signs access tokens is the provider's own.
    let verified = jws::verify(token, keys, None).map_err(|rejection| match rejection {
        jws::Rejection::UnknownKey(reason) => Rejection::UnknownKey(reason),
        jws::Rejection::Failed(reason) => Rejection::Failed(opaque(&reason)),
    })?;
    let claims: Claims = serde_json::from_slice(&verified.payload)
        .map_err(|_| Rejection::Failed(invalid("has claims that cannot be read")))?;
    check(&claims, issuer, now_ms)
        .and_then(|()| verified.key.map_or(Ok(()), |key| check_key_issuer(&claims, key)))
        .map_err(|reason| Rejection::Failed(invalid(&reason)))?;
    // No leeway: the API that receives the token may allow none.
    if time_ms(&claims, "exp").is_some_and(|end_ms| end_ms <= now_ms as f64) {
        return Err(Rejection::Expired(invalid("has expired")));
    }
    check_rules(&claims, rules).map_err(|reason| Rejection::Failed(insufficient(&reason)))?;
    Ok(claims)
}

/// Returns whom a token says that it is for, unchecked, or `None` if it does not say.
pub(crate) fn audiences_in(token: &str) -> Option<Vec<String>> {
    let claims: Claims = serde_json::from_slice(&Jws::parse(token).ok()?.into_payload()).ok()?;
    Some(names(&claims, "aud")?.into_iter().map(str::to_owned).collect())
}

/// The failure if no key that can be fetched verifies the signature.
pub(crate) fn unverifiable(reason: Unverified) -> Failure {
    invalid(&reason.in_words())
}

fn check(claims: &Claims, issuer: &IssuerName, now_ms: EpochMs) -> Result<(), String> {
    let found = text(claims, "iss").ok_or("has no iss")?;
    if !issuer.covers(found) {
        let expected = issuer.as_str();
        return Err(format!("is from the issuer {}; expected {expected}", printable(found)));
    }
    if time_ms(claims, "exp").is_none() {
        return Err("has no exp".to_owned());
    }
    match time_ms(claims, "nbf") {
        Some(begin_ms) if begin_ms > now_ms as f64 => Err("is not valid yet".to_owned()),
        _ => Ok(()),
    }
}

fn time_ms(claims: &Claims, name: &str) -> Option<f64> {
    claims.get(name)?.as_f64().map(|seconds| seconds * 1000.0)
}

fn check_rules(claims: &Claims, rules: &AccessRules) -> Result<(), String> {
    let scopes = names(claims, "scope").or_else(|| names(claims, "scp")).unwrap_or_default();
    if let Some(missing) = rules.scopes.iter().find(|scope| !scopes.contains(&scope.as_str())) {
        return Err(format!("lacks the scope {}", printable(missing)));
    }
    let permissions = names(claims, "permissions").unwrap_or_default();
    let lacks = |name: &&String| !permissions.contains(&name.as_str());
    if let Some(missing) = rules.permissions.iter().find(lacks) {
        return Err(format!("lacks the permission {}", printable(missing)));
    }
    match (&rules.acr, text(claims, "acr")) {
        (None, _) => Ok(()),
        (Some(wanted), Some(found)) if satisfies_acr(found, wanted) => Ok(()),
        (Some(wanted), found) => Err(format!(
            "has the authentication context {} (acr); expected {} or more",
            printable(found.unwrap_or("none")),
            printable(wanted)
        )),
    }
}

/// Returns the names in a claim that is a space-separated string or a list.
fn names<'a>(claims: &'a Claims, name: &str) -> Option<Vec<&'a str>> {
    match claims.get(name)? {
        Value::String(text) => Some(text.split_ascii_whitespace().collect()),
        Value::Array(items) => Some(items.iter().filter_map(Value::as_str).collect()),
        _ => None,
    }
}

fn satisfies_acr(found: &str, wanted: &str) -> bool {
    match (found.parse::<u64>(), wanted.parse::<u64>()) {
        (Ok(found), Ok(wanted)) => found >= wanted,
        _ => found == wanted,
    }
}

/// The failure for a token that the component cannot check, which may still be valid.
fn opaque(reason: &str) -> Failure {
    let remedy =
        "if this provider's access tokens are not JSON Web Tokens, ask the provider with --verify";
    Failure { remedy: remedy.to_owned(), ..invalid(reason) }
}

fn invalid(reason: &str) -> Failure {
    Failure::new(
        Code::InvalidAccessToken,
        format!("the access token {reason}"),
        "get a new one; if this persists, check issuer and keys with the provider, and this machine's clock",
    )
}

fn insufficient(reason: &str) -> Failure {
    Failure::new(
        Code::InsufficientScope,
        format!("the access token {reason}"),
        "log in again and request it, or ask an administrator for it",
    )
}
