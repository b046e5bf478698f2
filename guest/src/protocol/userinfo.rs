//! The userinfo endpoint (OIDC §5.3).

use crate::contract::{Code, Exchange, Failure, Purpose, Response};
use crate::protocol::failure::unavailable;
use crate::protocol::id_token::{Claims, text};
use crate::protocol::request::get_with_token;

/// Returns the request. `scheme` is that of the access token.
pub(crate) fn userinfo_request(endpoint: &str, scheme: &str, access_token: &str) -> Exchange {
    get_with_token(Purpose::Userinfo, endpoint, scheme, access_token)
}

/// The reason why there are no claims.
pub(crate) enum Rejection {
    /// The provider does not accept the access token (RFC 6750 §3.1).
    TokenRefused,
    /// The access token is valid, but not for this endpoint (RFC 6750 §3.1,
    /// `insufficient_scope`): it is for a resource, or lacks the scope `openid`.
    NotForUserinfo,
    /// The claims are about another user than the ID token and must not be used (OIDC
    /// §5.3.2).
    AnotherUser,
    Failed(Failure),
}

/// Parses a userinfo response. If an ID token named a `subject`, the claims must be about
/// it.
pub(crate) fn parse_userinfo_response(
    response: &Response,
    subject: Option<&str>,
) -> Result<Claims, Rejection> {
    if let Some(failure) = unavailable("the userinfo endpoint", response) {
        return Err(Rejection::Failed(failure));
    }
    match response.status {
        200 => {}
        401 => return Err(Rejection::TokenRefused),
        403 => return Err(Rejection::NotForUserinfo),
        status => {
            return Err(Rejection::Failed(invalid(format!(
                "the userinfo endpoint answered with status {status}; expected 200"
            ))));
        }
    }
    let claims: Claims = serde_json::from_slice(&response.body)
        .map_err(|_| Rejection::Failed(invalid("the userinfo response is not a JSON object")))?;
    match (subject, text(&claims, "sub")) {
        (Some(expected), Some(found)) if found != expected => Err(Rejection::AnotherUser),
        (Some(_), None) => Err(Rejection::Failed(invalid("the userinfo response has no sub"))),
        _ => Ok(claims),
    }
}

pub(crate) fn another_user() -> Failure {
    invalid("the userinfo response is about another user than the ID token (sub)")
}

pub(crate) fn not_for_userinfo() -> Failure {
    Failure::new(
        Code::InvalidUserinfo,
        "the provider does not say who is logged in with this access token (status 403)",
        "log in with the scope openid",
    )
}

fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(
        Code::InvalidUserinfo,
        message,
        "log in again; if this persists, report it to the provider",
    )
}
