//! Requests of a session after its login, in the provider's own protocol.

use crate::contract::{Client, EpochMs, Exchange, Failure, Header, Protocol, Response};
use crate::protocol::client_authentication;
use crate::protocol::dpop::DPOP;
use crate::protocol::hexclave::{self, Api};
use crate::protocol::id_token::Claims;
use crate::protocol::metadata::Provider;
use crate::protocol::request::header;
use crate::protocol::stored::Stored;
use crate::protocol::token::{TokenResponse, Wanted, parse_token_response, refresh_request};
use crate::protocol::userinfo::{Rejection, parse_userinfo_response, userinfo_request};

/// Returns the API of a provider with a protocol of its own, or `None` if the provider
/// speaks OAuth.
pub(crate) fn api(client: &Client) -> Result<Option<Api<'_>>, Failure> {
    match &client.protocol {
        Protocol::Oauth => Ok(None),
        Protocol::Hexclave(hexclave) => Api::new(client, hexclave).map(Some),
    }
}

/// Returns the request for a new access token.
pub(crate) fn renewal_request(
    client: &Client,
    given: &Provider,
    session: &Stored,
    refresh_token: &str,
) -> Result<Exchange, Failure> {
    if let Some(api) = api(client)? {
        return match client.audience {
            None => Ok(api.refresh_request(refresh_token)),
            Some(_) => Err(Failure::configuration(
                "this provider has one access token for everything, and none for an audience",
                "leave out the audience",
            )),
        };
    }
    let known = Provider { token_endpoint: session.token_endpoint.clone(), ..Provider::default() };
    let provider = given.clone().or(known);
    let method = client_authentication::keep(client, session.authentication.into())?;
    Ok(refresh_request(provider.token_endpoint()?, client, method, refresh_token))
}

pub(crate) fn parse_renewal_response(
    client: &Client,
    response: &Response,
    now_ms: EpochMs,
) -> Result<TokenResponse, Failure> {
    match client.speaks_oauth() {
        true => parse_token_response(response, Wanted::by(client)),
        false => hexclave::parse_refresh_response(response, now_ms),
    }
}

/// Returns the request for the user's claims. Returns `None` if the provider has no
/// endpoint for them.
pub(crate) fn user_request(
    client: &Client,
    given: &Provider,
    session: &Stored,
) -> Result<Option<Exchange>, Failure> {
    let Some(access_token) = &session.access_token else { return Ok(None) };
    if session.userinfo_refuses {
        return Ok(None);
    }
    if let Some(api) = api(client)? {
        return Ok(Some(api.user_request(access_token)));
    }
    let endpoint = given.userinfo_endpoint.as_ref().or(session.userinfo_endpoint.as_ref());
    let scheme = token_scheme(client);
    Ok(endpoint.map(|endpoint| userinfo_request(endpoint, scheme, access_token)))
}

pub(crate) fn parse_user_response(
    client: &Client,
    response: &Response,
    subject: Option<&str>,
) -> Result<Claims, Rejection> {
    match client.speaks_oauth() {
        true => parse_userinfo_response(response, subject),
        false => parse_userinfo_response(response, None).map(hexclave::user_claims),
    }
}

/// Returns the headers of requests to the provider's API (RFC 6750 §2.1).
pub(crate) fn api_headers(client: &Client, access_token: &str) -> Vec<Header> {
    match api(client) {
        Ok(Some(api)) => api.api_headers(access_token),
        Ok(None) => {
            let scheme = token_scheme(client);
            vec![header("authorization", &format!("{scheme} {access_token}"))]
        }
        Err(_) => Vec::new(),
    }
}

/// The authentication scheme of this client's tokens (RFC 6750 §2.1, RFC 9449 §7.1).
fn token_scheme(client: &Client) -> &'static str {
    if client.dpop.is_some() { DPOP } else { "Bearer" }
}
