//! Answers that are signed, encrypted or both: userinfo (OIDC §5.3.2), and introspection (RFC
//! 9701).

use crate::contract::Response;
use crate::protocol::endpoint::IssuerName;
use crate::protocol::failure::printable;
use crate::protocol::id_token::{Claims, check_key_issuer, text, texts};
use crate::protocol::jwk::Jwk;
use crate::protocol::jws::{Rejection, is_encrypted, verify};
use crate::protocol::request::{find_header, header};

/// The media type of a token with claims about the user (OIDC §5.3.2).
const USERINFO: &str = "application/jwt";

pub(crate) enum Answer {
    /// The body is JSON.
    Plain(Response),
    /// An encrypted token, to be decrypted.
    Encrypted(String),
    /// A signed token, to be checked.
    Signed(String),
}

/// Looks at how an answer is sealed: its media type is `application/jwt` or
/// `application/token-introspection+jwt` then. Returns `None` if its body is no text.
pub(crate) fn look(mut response: Response) -> Option<Answer> {
    let media_type = find_header(&response.headers, "content-type").unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default();
    if response.status != 200 || !media_type.trim_end().ends_with("jwt") {
        return Some(Answer::Plain(response));
    }
    let token = String::from_utf8(std::mem::take(&mut response.body)).ok()?;
    let token = token.trim();
    Some(match token {
        // It was encrypted, and is not signed.
        _ if token.starts_with('{') => Answer::Plain(Response { body: token.into(), ..response }),
        _ if is_encrypted(token) => Answer::Encrypted(token.to_owned()),
        _ => Answer::Signed(token.to_owned()),
    })
}

/// Returns the answer that was in an encrypted one.
pub(crate) fn decrypted(text: String) -> Response {
    let headers = vec![header("content-type", USERINFO)];
    Response { status: 200, headers, body: text.into_bytes() }
}

/// Checks a signed answer. Returns what it says, as the body of one that is not signed has it.
pub(crate) fn check(
    token: &str,
    keys: &[Jwk],
    secret: Option<&str>,
    issuer: &IssuerName,
    client_id: &str,
) -> Result<Claims, Rejection> {
    let verified = verify(token, keys, secret)?;
    let check = || {
        let mut claims: Claims = serde_json::from_slice(&verified.payload)
            .map_err(|_| "has claims that cannot be read")?;
        let found = text(&claims, "iss").unwrap_or("nobody");
        if !issuer.covers(found) {
            let expected = issuer.as_str();
            return Err(format!("is from {}; expected {expected}", printable(found)));
        }
        verified.key.map_or(Ok(()), |key| check_key_issuer(&claims, key))?;
        // What a token says that is introspected has an audience of its own.
        if let Some(serde_json::Value::Object(report)) = claims.remove("token_introspection") {
            return Ok(report);
        }
        match texts(&claims, "aud").contains(&client_id) {
            true => Ok(claims),
            false => Err("is meant for another client".to_owned()),
        }
    };
    check().map_err(Rejection::Failed)
}
