//! ID tokens (OIDC §2, §3.1.3.7, §12.2).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;

use crate::contract::{Code, EpochMs, Failure};
use crate::protocol::failure::printable;
use crate::protocol::jwk::Jwk;
use crate::protocol::jws::Jws;

/// How far the provider's clock and ours may differ.
pub(crate) const CLOCK_SKEW_MS: u64 = 60_000;

/// The longest `sub` (OIDC §2).
const SUBJECT_LIMIT: usize = 255;

pub(crate) type Claims = Map<String, Value>;

/// What an ID token must agree with.
#[derive(Clone)]
pub(crate) struct Expectations {
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    pub(crate) access_token: String,
    pub(crate) occasion: Occasion,
}

#[derive(Clone)]
pub(crate) enum Occasion {
    Login {
        /// Must come back (OIDC §3.1.3.7, 11); none where none was sent.
        nonce: Option<String>,
        /// None where none came by way of a browser.
        code: Option<String>,
        /// The `max_age` asked for, which makes `auth_time` a duty.
        max_age_s: Option<u64>,
    },
    /// Must name the same person as before (OIDC §12.2).
    Refresh { subject: Option<String>, nonce: Option<String> },
}

/// An ID token that passed every check. Only [`verify`] makes one.
pub(crate) struct IdToken {
    pub(crate) text: String,
    pub(crate) claims: Claims,
    /// The key that signed it.
    pub(crate) key: Jwk,
}

impl IdToken {
    pub(crate) fn subject(&self) -> &str {
        text(&self.claims, "sub").unwrap_or_default()
    }
}

pub(crate) enum Rejection {
    /// No key at hand verifies the signature; another key might.
    UnknownKey,
    Failed(Failure),
}

/// Signature first, then every claim.
pub(crate) fn verify(
    token: &str,
    keys: &[Jwk],
    expected: &Expectations,
    now_ms: EpochMs,
) -> Result<IdToken, Rejection> {
    let jws = Jws::parse(token).map_err(|reason| Rejection::Failed(invalid(&reason)))?;
    let key = jws.verify(keys).ok_or(Rejection::UnknownKey)?.clone();
    let algorithm = jws.algorithm;
    let claims: Claims = serde_json::from_slice(&jws.into_payload())
        .map_err(|_| Rejection::Failed(invalid("has claims that cannot be read")))?;
    let half_hash = |text: &str| algorithm.half_hash(text);
    check(&claims, expected, half_hash, now_ms)
        .map_err(|reason| Rejection::Failed(invalid(&reason)))?;
    Ok(IdToken { text: token.to_owned(), claims, key })
}

/// The claims of an ID token that was verified before it was stored.
pub(crate) fn claims_of_verified(token: &str) -> Option<Claims> {
    let payload = token.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

/// No key at hand fits, and no other is to be had.
pub(crate) fn unverifiable() -> Failure {
    invalid("is signed by none of the provider's published keys")
}

fn check(
    claims: &Claims,
    expected: &Expectations,
    half_hash: impl Fn(&str) -> String,
    now_ms: EpochMs,
) -> Result<(), String> {
    let issuer = text(claims, "iss").ok_or("has no iss")?;
    if issuer != expected.issuer {
        return Err(format!(
            "is from the issuer {}; expected {}",
            printable(issuer),
            expected.issuer
        ));
    }
    check_audience(claims, &expected.client_id)?;
    let subject = text(claims, "sub").ok_or("has no sub")?;
    if subject.is_empty() || subject.len() > SUBJECT_LIMIT || subject != printable(subject) {
        return Err("has an empty, overlong or unprintable sub".to_owned());
    }
    check_times(claims, now_ms)?;
    check_hash(claims, "at_hash", half_hash(&expected.access_token))?;
    match &expected.occasion {
        Occasion::Login { nonce, code, max_age_s } => {
            if let Some(code) = code {
                check_hash(claims, "c_hash", half_hash(code))?;
            }
            if let Some(nonce) = nonce {
                check_nonce(claims, nonce)?;
            }
            if let Some(max_age_s) = max_age_s {
                check_auth_time(claims, *max_age_s, now_ms)?;
            }
        }
        Occasion::Refresh { subject: before, nonce } => {
            if before.as_deref().is_some_and(|before| before != subject) {
                return Err("names another person than the one who logged in".to_owned());
            }
            if let Some(nonce) = nonce
                && claims.contains_key("nonce")
            {
                check_nonce(claims, nonce)?;
            }
        }
    }
    Ok(())
}

/// `aud` holds this client, and `azp`, which must be there beside other
/// audiences, names it (OIDC §3.1.3.7, 3 to 5).
fn check_audience(claims: &Claims, client_id: &str) -> Result<(), String> {
    let audiences: Vec<&str> = match claims.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        _ => return Err("has no aud".to_owned()),
    };
    if !audiences.contains(&client_id) {
        return Err("is meant for another client".to_owned());
    }
    match text(claims, "azp") {
        Some(party) if party != client_id => Err("was issued to another client (azp)".to_owned()),
        None if audiences.len() > 1 => Err("has several audiences and no azp".to_owned()),
        _ => Ok(()),
    }
}

fn check_times(claims: &Claims, now_ms: EpochMs) -> Result<(), String> {
    let expires_at_ms = time_ms(claims, "exp").ok_or("has no exp")?;
    if expires_at_ms.saturating_add(CLOCK_SKEW_MS) <= now_ms {
        return Err("has expired; check this machine's clock".to_owned());
    }
    let issued_at_ms = time_ms(claims, "iat").ok_or("has no iat")?;
    let not_before_ms = time_ms(claims, "nbf").unwrap_or(0);
    if issued_at_ms.max(not_before_ms) > now_ms.saturating_add(CLOCK_SKEW_MS) {
        return Err("is not valid yet; check this machine's clock".to_owned());
    }
    Ok(())
}

fn check_nonce(claims: &Claims, nonce: &str) -> Result<(), String> {
    let found = text(claims, "nonce").ok_or("has no nonce")?;
    if bool::from(found.as_bytes().ct_eq(nonce.as_bytes())) {
        Ok(())
    } else {
        Err("carries another login's nonce".to_owned())
    }
}

/// Binds a token or code to this ID token where the claim is there.
fn check_hash(claims: &Claims, claim: &str, expected: String) -> Result<(), String> {
    match claims.get(claim) {
        Some(Value::String(found)) if *found == expected => Ok(()),
        None => Ok(()),
        Some(_) => Err(format!("does not belong to what came with it ({claim})")),
    }
}

fn check_auth_time(claims: &Claims, max_age_s: u64, now_ms: EpochMs) -> Result<(), String> {
    let auth_time_ms =
        time_ms(claims, "auth_time").ok_or("has no auth_time though max_age was asked for")?;
    let limit_ms = max_age_s.saturating_mul(1000).saturating_add(CLOCK_SKEW_MS);
    if now_ms.saturating_sub(auth_time_ms) > limit_ms {
        return Err("comes from a login longer ago than max_age".to_owned());
    }
    Ok(())
}

/// A NumericDate (RFC 7519 §2) in milliseconds; fractions are allowed.
fn time_ms(claims: &Claims, claim: &str) -> Option<EpochMs> {
    let seconds = claims.get(claim)?.as_f64()?;
    // A float-to-integer cast saturates.
    (seconds.is_finite() && seconds >= 0.0).then_some((seconds * 1000.0) as u64)
}

pub(crate) fn text<'a>(claims: &'a Claims, claim: &str) -> Option<&'a str> {
    claims.get(claim)?.as_str()
}

/// What to call the person, from whatever claims say it (OIDC §5.1).
pub(crate) fn display_name(claims: &Claims) -> Option<String> {
    let claim = |name| text(claims, name).filter(|value| !value.is_empty());
    let name = claim("name").or_else(|| claim("preferred_username"));
    let shown = match (name, claim("email")) {
        (Some(name), Some(email)) if name != email => format!("{name} <{email}>"),
        (Some(one), _) | (None, Some(one)) => one.to_owned(),
        (None, None) => return None,
    };
    Some(printable(&shown))
}

fn invalid(reason: &str) -> Failure {
    Failure::new(
        Code::InvalidIdToken,
        format!("the ID token {reason}"),
        "log in again; if it stays so, report it to the provider",
    )
}
