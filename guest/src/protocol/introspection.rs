//! Requests to the provider about a token (RFC 7662, and tokeninfo endpoints).

use crate::contract::{
    Client, ClientAuthentication, Code, Exchange, Failure, Purpose, Response, Security,
};
use crate::protocol::client_authentication::authenticated_post;
use crate::protocol::failure::{in_words, provider_error, unavailable};
use crate::protocol::id_token::{Claims, text};
use crate::protocol::request::get_with_token;

/// Asks for a signed response, from a provider that has one for this client (RFC 9701 §4).
const SIGNED_OR_PLAIN: &str = "application/token-introspection+jwt, application/json;q=0.9";

/// Returns the introspection request for an access token (RFC 7662 §2.1).
pub(crate) fn introspection_request(
    endpoint: &str,
    client: &Client,
    method: ClientAuthentication,
    access_token: &str,
) -> Exchange {
    let form = vec![("token", access_token), ("token_type_hint", "access_token")];
    let mut exchange = authenticated_post(Purpose::Introspection, endpoint, client, method, form);
    if client.decrypts || client.security == Security::Fapi2 {
        let headers = &mut exchange.request.headers;
        let accept = headers.iter_mut().find(|header| header.name == "accept");
        accept.into_iter().for_each(|header| header.value = SIGNED_OR_PLAIN.to_owned());
    }
    exchange
}

/// Returns the tokeninfo request, in which the access token is also the credential.
pub(crate) fn tokeninfo_request(endpoint: &str, access_token: &str) -> Exchange {
    get_with_token(Purpose::Introspection, endpoint, "Bearer", access_token)
}

/// Parses the response of either endpoint. Returns its members unchanged. `what` names
/// the endpoint in failures.
pub(crate) fn parse_introspection_response(
    response: &Response,
    what: &str,
) -> Result<Claims, Failure> {
    if let Some(failure) = unavailable(what, response) {
        return Err(failure);
    }
    let body: Result<Claims, _> = serde_json::from_slice(&response.body);
    if response.status != 200 {
        let said = body.ok().and_then(|body| {
            let description = text(&body, "error_description").map(str::to_owned);
            Some(provider_error(text(&body, "error")?, description.as_deref()))
        });
        let status = format!("status {}", response.status);
        let words = said.as_ref().map_or(status, in_words);
        let failure = Failure::new(
            Code::ProviderRefused,
            format!("the provider did not describe the token: {words}"),
            "check that the provider lets this client use introspection",
        );
        return Err(match said {
            Some(said) => failure.with_provider_error(said),
            None => failure,
        });
    }
    body.map_err(|_| {
        Failure::new(
            Code::InvalidAccessToken,
            "the introspection response is not a JSON object",
            "report it to the provider, whose endpoint does not follow RFC 7662",
        )
    })
}

/// Whether the token is active: the only mandatory member (RFC 7662 §2.2).
pub(crate) fn is_active(report: &Claims) -> bool {
    report.get("active").and_then(serde_json::Value::as_bool) == Some(true)
}
