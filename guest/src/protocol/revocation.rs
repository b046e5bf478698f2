//! Token revocation (RFC 7009).

use serde::Deserialize;

use crate::contract::{
    Client, ClientAuthentication, Code, Exchange, Failure, Purpose, Response, TokenHint, Unrevoked,
    UnrevokedCause,
};
use crate::protocol::client_authentication::authenticated_post;
use crate::protocol::failure::{is_unavailable, printable};

pub(crate) fn revocation_request(
    endpoint: &str,
    client: &Client,
    method: ClientAuthentication,
    token: &str,
    hint: TokenHint,
) -> Exchange {
    let hint = match hint {
        TokenHint::AccessToken => "access_token",
        TokenHint::RefreshToken => "refresh_token",
    };
    let form = vec![("token", token), ("token_type_hint", hint)];
    authenticated_post(Purpose::Revocation, endpoint, client, method, form)
}

/// Parses a revocation response (RFC 7009 §2.2). The error says why the token stays
/// valid.
pub(crate) fn parse_revocation_response(
    token: TokenHint,
    response: &Response,
) -> Result<(), Unrevoked> {
    #[derive(Deserialize)]
    struct Body {
        /// Stytch sends `error_type`.
        #[serde(alias = "error_type")]
        error: String,
    }
    if (200..300).contains(&response.status) {
        return Ok(());
    }
    let error = serde_json::from_slice(&response.body).ok().map(|Body { error }| error);
    // A provider may revoke only refresh tokens (RFC 7009 §2.2.1).
    let is_unsupported = error.as_deref() == Some("unsupported_token_type");
    let cause = if is_unavailable(response) {
        UnrevokedCause::Unreachable
    } else if is_unsupported && token == TokenHint::AccessToken {
        UnrevokedCause::NotOffered
    } else {
        UnrevokedCause::Refused
    };
    let reason = match error {
        Some(error) => format!("the provider answered {}", printable(&error)),
        None => format!("the provider answered with status {}", response.status),
    };
    Err(Unrevoked { token, cause, reason })
}

/// Reports that a token stays valid because of this failure.
pub(crate) fn unrevoked(token: TokenHint, failure: Failure) -> Unrevoked {
    let cause = match failure.code {
        Code::ProviderRefused => UnrevokedCause::Refused,
        _ => UnrevokedCause::Unreachable,
    };
    Unrevoked { token, cause, reason: failure.message }
}
