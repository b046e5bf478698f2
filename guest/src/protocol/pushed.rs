//! Pushed authorization requests (RFC 9126): the provider gets the parameters directly, and
//! the browser only a reference to them.

use serde::Deserialize;

use crate::contract::{
    Client, ClientAuthentication, Code, Exchange, Failure, LoginFlow, Purpose, RequestFormat,
    Response, Security,
};
use crate::protocol::authorization::{address, refused};
use crate::protocol::client_authentication::authenticated_post;
use crate::protocol::failure::{provider_error, unavailable};
use crate::protocol::metadata::Provider;

/// A response (RFC 9126 §2.2, §2.3).
#[derive(Deserialize)]
struct Body {
    request_uri: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

/// Returns the endpoint to push to, or `None` if the request goes by the browser alone.
///
/// A reference is soon void. Where the user opens the address at leisure, it is used only if
/// it is required.
pub(crate) fn endpoint_for<'a>(
    client: &Client,
    provider: &'a Provider,
    flow: LoginFlow,
) -> Option<&'a String> {
    let endpoint = provider.pushed_endpoint.as_ref()?;
    (is_required(client, provider) || flow == LoginFlow::Browser).then_some(endpoint)
}

/// Whether nothing but a reference may go by the browser: the provider or the client's rules
/// (FAPI 2.0 Security Profile §5.3.3) say so.
fn is_required(client: &Client, provider: &Provider) -> bool {
    provider.requires_push || client.security == Security::Fapi2
}

/// Returns the request with these parameters (RFC 9126 §2.1), and with the client's
/// authentication as at the token endpoint.
pub(crate) fn push_request(
    endpoint: &str,
    client: &Client,
    method: ClientAuthentication,
    parameters: &[(&str, String)],
) -> Exchange {
    // Whatever the provider's other endpoints take.
    let client = &Client { request_format: RequestFormat::Form, ..client.clone() };
    let mut form: Vec<(&str, &str)> =
        parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
    // Every other method names the client in the form itself.
    let is_named =
        method != ClientAuthentication::ClientSecretBasic || client.resource_url.is_some();
    form.retain(|(name, _)| *name != "client_id" || !is_named);
    authenticated_post(Purpose::PushedAuthorization, endpoint, client, method, form)
}

/// Returns the address with the reference to the request (RFC 9126 §4). Returns `None` if the
/// provider has no such endpoint after all, and does not require it.
pub(crate) fn parse_push_response(
    provider: &Provider,
    client: &Client,
    response: &Response,
) -> Result<Option<String>, Failure> {
    if matches!(response.status, 404 | 405 | 501) && !is_required(client, provider) {
        return Ok(None);
    }
    let body = serde_json::from_slice::<Body>(&response.body).ok();
    if let Some(Body { error: Some(error), error_description, .. }) = &body {
        return Err(refused(provider_error(error, error_description.as_deref())));
    }
    if let Some(failure) = unavailable("the pushed authorization request endpoint", response) {
        return Err(failure);
    }
    let request_uri = body.and_then(|body| body.request_uri).filter(|uri| !uri.is_empty());
    let request_uri = request_uri.ok_or_else(invalid)?;
    let parameters = [("client_id", client.id()), ("request_uri", &request_uri)];
    address(provider.authorization_endpoint()?, parameters).map(Some)
}

fn invalid() -> Failure {
    Failure::new(
        Code::InvalidMetadata,
        "the answer to the pushed authorization request has no request_uri",
        "ask the provider; its metadata names a pushed_authorization_request_endpoint",
    )
}
