//! Token revocation (RFC 7009).

use serde::Deserialize;

use crate::contract::{Client, ClientAuthentication, Exchange, Purpose, Response, TokenHint};
use crate::protocol::client_authentication::authenticated_post;
use crate::protocol::failure::printable;

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

/// The error is why the token stays valid, in one line.
pub(crate) fn parse_revocation_response(response: &Response) -> Result<(), String> {
    #[derive(Deserialize)]
    struct Body {
        /// The second name is Stytch's.
        #[serde(alias = "error_type")]
        error: String,
    }
    if (200..300).contains(&response.status) {
        return Ok(());
    }
    match serde_json::from_slice(&response.body) {
        Ok(Body { error }) => Err(format!("the provider answered {}", printable(&error))),
        Err(_) => Err(format!("the provider answered with status {}", response.status)),
    }
}
