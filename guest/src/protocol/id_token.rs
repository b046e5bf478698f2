//! ID tokens (OIDC §2, §3.1.3.7, §12.2).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;

use crate::contract::{Code, EpochMs, Failure};
use crate::protocol::endpoint::IssuerName;
use crate::protocol::failure::printable;
use crate::protocol::jwk::Jwk;
use crate::protocol::jws::{self, Algorithm, Unverified, Verified, is_encrypted};

/// Accepted difference between the provider's clock and this machine's.
pub(crate) const CLOCK_SKEW_MS: u64 = 60_000;

/// Longest accepted age of an ID token at a login. OIDC §3.1.3.7, 10 leaves the range to
/// the client. The ID token of a login is seconds old.
const LONGEST_AGE_MS: u64 = 24 * 3_600_000;

/// Longest `sub`, in bytes (OIDC §2).
const SUBJECT_LIMIT: usize = 255;

pub(crate) type Claims = Map<String, Value>;

/// Values that an ID token is checked against.
#[derive(Clone)]
pub(crate) struct Expectations {
    pub(crate) issuer: IssuerName,
    pub(crate) client_id: String,
    /// The client secret, if ID tokens may be signed with it.
    pub(crate) client_secret: Option<String>,
    /// Whether ID tokens have to be encrypted.
    pub(crate) is_encrypted: bool,
    pub(crate) access_token: String,
    pub(crate) occasion: Occasion,
}

#[derive(Clone)]
pub(crate) enum Occasion {
    Login {
        /// The nonce that was sent and must be returned (OIDC §3.1.3.7, 11). `None` if
        /// none was sent.
        nonce: Option<String>,
        /// The authorization code. `None` if there was no redirect.
        code: Option<String>,
        /// Algorithms named in the metadata. `None` if it names none.
        algorithms: Option<Vec<String>>,
        demands: Demands,
    },
    /// A renewal: the ID token must name the same user as before (OIDC §12.2).
    Refresh { subject: Option<String>, nonce: Option<String> },
}

/// Requirements of the authorization request for the user's authentication.
#[derive(Clone, Default)]
pub(crate) struct Demands {
    /// `max_age` in seconds, which makes `auth_time` mandatory (OIDC §3.1.2.1).
    pub(crate) max_age_s: Option<u64>,
    /// `acr_values`, one of which must be returned as `acr`. Empty if none was sent.
    pub(crate) acr_values: Vec<String>,
}

impl Demands {
    /// The parameter that only an ID token can answer. `None` if there is no such
    /// parameter.
    pub(crate) fn parameter(&self) -> Option<&'static str> {
        match self {
            Self { max_age_s: Some(_), .. } => Some("max_age"),
            Self { acr_values, .. } if !acr_values.is_empty() => Some("acr_values"),
            _ => None,
        }
    }
}

/// An ID token that passed every check. Only [`verify`] creates one.
pub(crate) struct IdToken {
    pub(crate) text: String,
    pub(crate) claims: Claims,
    /// The published key that verified the signature. `None` if it was the client secret.
    pub(crate) key: Option<Jwk>,
}

impl IdToken {
    pub(crate) fn issuer(&self) -> &str {
        text(&self.claims, "iss").unwrap_or_default()
    }

    pub(crate) fn subject(&self) -> &str {
        text(&self.claims, "sub").unwrap_or_default()
    }
}

pub(crate) enum Rejection {
    /// None of the keys verifies the signature; another key might.
    UnknownKey(Unverified),
    Failed(Failure),
}

/// Whether the ID token is to be decrypted first. Fails if anybody could have read it,
/// although the client has it encrypted (OIDC §3.1.3.7, 1).
pub(crate) fn is_to_decrypt(token: &str, expected: &Expectations) -> Result<bool, Failure> {
    match expected.is_encrypted && !is_encrypted(token) {
        true => Err(invalid("is not encrypted, which this client demands")),
        false => Ok(expected.is_encrypted),
    }
}

/// Checks the signature, then the claims.
pub(crate) fn verify(
    token: &str,
    keys: &[Jwk],
    expected: &Expectations,
    now_ms: EpochMs,
) -> Result<IdToken, Rejection> {
    let secret = expected.client_secret.as_deref();
    let verified = jws::verify(token, keys, secret).map_err(|rejection| match rejection {
        jws::Rejection::UnknownKey(reason) => Rejection::UnknownKey(reason),
        jws::Rejection::Failed(reason) => Rejection::Failed(invalid(&reason)),
    })?;
    let Verified { algorithm, payload, key } = verified;
    let claims: Claims = serde_json::from_slice(&payload)
        .map_err(|_| Rejection::Failed(invalid("has claims that cannot be read")))?;
    check(&claims, expected, algorithm, now_ms)
        .and_then(|()| key.map_or(Ok(()), |key| check_key_issuer(&claims, key)))
        .map_err(|reason| Rejection::Failed(invalid(&reason)))?;
    Ok(IdToken { text: token.to_owned(), claims, key: key.cloned() })
}

/// Checks that the key may sign for the token's issuer. A multi-tenant provider may limit
/// a key to an issuer, or to an issuer template.
pub(crate) fn check_key_issuer(claims: &Claims, key: &Jwk) -> Result<(), String> {
    let limit = key.issuer.as_deref().map(IssuerName::parse);
    let issuer = text(claims, "iss").unwrap_or_default();
    match limit.is_none_or(|limit| limit.covers(issuer)) {
        true => Ok(()),
        false => Err("is signed with another issuer's key".to_owned()),
    }
}

/// Returns the claims of a token without checking its signature. Use it only for a token
/// that was verified before it was stored, or for which the claims need not be trusted.
pub(crate) fn claims_of_verified(token: &str) -> Option<Claims> {
    let payload = token.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

/// The failure if no key that can be fetched verifies the signature.
pub(crate) fn unverifiable(reason: Unverified) -> Failure {
    invalid(&reason.in_words())
}

/// The failure if the answer to this parameter cannot be checked.
pub(crate) fn unanswered(parameter: &str) -> Failure {
    invalid(&format!("that would answer the parameter {parameter} is missing or cannot be checked"))
}

fn check(
    claims: &Claims,
    expected: &Expectations,
    algorithm: Algorithm,
    now_ms: EpochMs,
) -> Result<(), String> {
    let half_hash = |text: &str| algorithm.half_hash(text);
    check_issuer(claims, &expected.issuer)?;
    check_audience(claims, &expected.client_id)?;
    let subject = text(claims, "sub").ok_or("has no sub")?;
    if subject.is_empty() || subject.len() > SUBJECT_LIMIT || subject != printable(subject) {
        return Err("has an empty, overlong or unprintable sub".to_owned());
    }
    check_times(claims, now_ms)?;
    check_hash(claims, "at_hash", half_hash(&expected.access_token))?;
    match &expected.occasion {
        Occasion::Login { nonce, code, algorithms, demands } => {
            check_algorithm(algorithm, algorithms.as_deref())?;
            check_age(claims, now_ms)?;
            if let Some(code) = code {
                check_hash(claims, "c_hash", half_hash(code))?;
            }
            if let Some(nonce) = nonce {
                check_nonce(claims, nonce)?;
            }
            if let Some(max_age_s) = demands.max_age_s {
                check_auth_time(claims, max_age_s, now_ms)?;
            }
            check_acr(claims, &demands.acr_values)?;
        }
        Occasion::Refresh { subject: before, nonce } => {
            if before.as_deref().is_some_and(|before| before != subject) {
                return Err("names another user than the one who logged in".to_owned());
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

/// Checks `iss`. For a template, it must be the issuer of the tenant in `tid`.
fn check_issuer(claims: &Claims, expected: &IssuerName) -> Result<(), String> {
    let issuer = text(claims, "iss").ok_or("has no iss")?;
    let is_expected = match expected {
        IssuerName::Exact(name) => issuer == name,
        IssuerName::OfTenant(_) => text(claims, "tid")
            .and_then(|tenant| expected.of_tenant(tenant))
            .is_some_and(|name| issuer == name),
    };
    if is_expected {
        return Ok(());
    }
    Err(format!("is from the issuer {}; expected {}", printable(issuer), expected.as_str()))
}

/// Checks that `aud` contains this client, and that `azp` names it. `azp` is mandatory if
/// there are several audiences (OIDC §3.1.3.7, 3 to 5).
fn check_audience(claims: &Claims, client_id: &str) -> Result<(), String> {
    let audiences = texts(claims, "aud");
    if audiences.is_empty() {
        return Err("has no aud".to_owned());
    }
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

/// Checks that the metadata names the algorithm (`id_token_signing_alg_values_supported`,
/// OpenID Connect Discovery §3).
fn check_algorithm(algorithm: Algorithm, named: Option<&[String]>) -> Result<(), String> {
    let is_named =
        |named: &[String]| named.iter().any(|name| Algorithm::parse(name) == Some(algorithm));
    if named.is_none_or(is_named) {
        return Ok(());
    }
    let name = algorithm.name();
    Err(format!("is signed with {name}, which the provider's metadata does not name"))
}

fn check_age(claims: &Claims, now_ms: EpochMs) -> Result<(), String> {
    let issued_at_ms = time_ms(claims, "iat").unwrap_or(0);
    if now_ms.saturating_sub(issued_at_ms) > LONGEST_AGE_MS {
        return Err("was issued more than a day ago; check this machine's clock".to_owned());
    }
    Ok(())
}

/// Checks that `acr` is one of the requested values (OIDC §3.1.3.7, 12).
fn check_acr(claims: &Claims, asked: &[String]) -> Result<(), String> {
    let found = text(claims, "acr");
    if asked.is_empty() || found.is_some_and(|found| asked.iter().any(|asked| asked == found)) {
        return Ok(());
    }
    Err(format!(
        "has the authentication context {} (acr); expected {}",
        printable(found.unwrap_or("none")),
        printable(&asked.join(" or "))
    ))
}

fn check_nonce(claims: &Claims, nonce: &str) -> Result<(), String> {
    let found = text(claims, "nonce").ok_or("has no nonce")?;
    if bool::from(found.as_bytes().ct_eq(nonce.as_bytes())) {
        Ok(())
    } else {
        Err("carries another login's nonce".to_owned())
    }
}

/// Checks that the ID token belongs to a token or code, if it has the claim.
fn check_hash(claims: &Claims, claim: &str, expected: String) -> Result<(), String> {
    match claims.get(claim) {
        Some(Value::String(found)) if *found == expected => Ok(()),
        None => Ok(()),
        Some(_) => Err(format!("does not match what came with it ({claim})")),
    }
}

fn check_auth_time(claims: &Claims, max_age_s: u64, now_ms: EpochMs) -> Result<(), String> {
    let auth_time_ms =
        time_ms(claims, "auth_time").ok_or("has no auth_time although max_age was requested")?;
    let limit_ms = max_age_s.saturating_mul(1000).saturating_add(CLOCK_SKEW_MS);
    if now_ms.saturating_sub(auth_time_ms) > limit_ms {
        return Err("comes from a login longer ago than max_age".to_owned());
    }
    Ok(())
}

/// A NumericDate (RFC 7519 §2) in milliseconds. Fractions are allowed.
fn time_ms(claims: &Claims, claim: &str) -> Option<EpochMs> {
    let seconds = claims.get(claim)?.as_f64()?;
    // A float-to-integer cast saturates.
    (seconds.is_finite() && seconds >= 0.0).then_some((seconds * 1000.0) as u64)
}

pub(crate) fn text<'a>(claims: &'a Claims, claim: &str) -> Option<&'a str> {
    claims.get(claim)?.as_str()
}

/// Returns the texts of a claim that is one or a list of them, such as `aud`.
pub(crate) fn texts<'a>(claims: &'a Claims, claim: &str) -> Vec<&'a str> {
    match claims.get(claim) {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Returns a name to show for the user, from the claims of OIDC §5.1. Returns `None` if
/// there is no such claim.
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
        "log in again; if this persists, report it to the provider",
    )
}
