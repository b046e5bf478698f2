//! Client authentication at the token, device authorization, revocation and introspection
//! endpoints (RFC 6749 §2.3, OIDC §9).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::contract::{Client, ClientAuthentication, Exchange, Failure, Purpose, RequestFormat};
use crate::protocol::request::{header, post_form, post_json};

/// The type of client assertions that are JSON Web Tokens (RFC 7523 §2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What stands in the place of an assertion before the one it is for. No assertion has a
/// colon.
const FOR: &str = "for:";

/// The parameter with the assertion.
const CLIENT_ASSERTION: &str = "client_assertion";

/// Returns the method to use: the caller's choice, otherwise the one that the metadata
/// prefers.
///
/// `supported` is `token_endpoint_auth_methods_supported`. If it is absent, the default
/// is `client_secret_basic` (RFC 8414 §2).
pub(crate) fn choose(
    client: &Client,
    supported: Option<&[String]>,
) -> Result<ClientAuthentication, Failure> {
    let preferred = match (&client.key, &client.client_secret) {
        (Some(_), _) => ClientAuthentication::PrivateKeyJwt,
        (None, Some(_)) => with_secret(supported),
        (None, None) => ClientAuthentication::None,
    };
    keep(client, preferred)
}

/// Returns the method that the metadata prefers for a client with a secret.
pub(crate) fn with_secret(supported: Option<&[String]>) -> ClientAuthentication {
    let offers = |name: &str| supported.is_some_and(|all| all.iter().any(|one| one == name));
    if offers("client_secret_post") && !offers("client_secret_basic") {
        ClientAuthentication::ClientSecretPost
    } else {
        ClientAuthentication::ClientSecretBasic
    }
}

/// Returns the method that the session began with, unless the caller chooses another.
/// Fails with `invalid-configuration` if what the method needs is missing.
pub(crate) fn keep(
    client: &Client,
    method: ClientAuthentication,
) -> Result<ClientAuthentication, Failure> {
    use ClientAuthentication as Method;

    let method = client.authentication.unwrap_or(method);
    let (needed, remedy) = match method {
        Method::None | Method::Assertion => return Ok(method),
        Method::PrivateKeyJwt if client.key.is_some() => return Ok(method),
        Method::PrivateKeyJwt => ("sign with a key", "set the key file of the client"),
        _ if client.client_secret.is_some() => return Ok(method),
        _ => (
            "authenticate with a secret",
            "set the client secret, or choose the authentication `none`",
        ),
    };
    Err(Failure::configuration(format!("the client must {needed}, but none was set"), remedy))
}

/// Returns a POST request with the client's authentication, by exactly one method.
pub(crate) fn authenticated_post(
    purpose: Purpose,
    url: &str,
    client: &Client,
    method: ClientAuthentication,
    form: Vec<(&str, &str)>,
) -> Exchange {
    let secret = client.client_secret.as_deref().unwrap_or_default();
    let audience = format!("{FOR}{}", client.issuer.as_deref().unwrap_or_default());
    let mut form: Vec<(&str, &str)> = form;
    let mut headers = Vec::new();
    match method {
        ClientAuthentication::None if client.id().is_empty() => {}
        ClientAuthentication::None => form.push(("client_id", client.id())),
        ClientAuthentication::ClientSecretPost => {
            form.push(("client_id", client.id()));
            form.push(("client_secret", secret));
        }
        ClientAuthentication::ClientSecretBasic => {
            // Client id and secret are form-encoded before base64 (RFC 6749 §2.3.1).
            let pair = format!("{}:{}", encode(client.id()), encode(secret));
            headers.push(header("authorization", &format!("Basic {}", STANDARD.encode(pair))));
            // A client may name itself in the form as well (RFC 6749 §3.2.1), and servers
            // made with the MCP SDK for Python look nowhere else.
            if client.resource_url.is_some() {
                form.push(("client_id", client.id()));
            }
        }
        ClientAuthentication::ClientSecretJwt
        | ClientAuthentication::PrivateKeyJwt
        | ClientAuthentication::Assertion => {
            form.push(("client_id", client.id()));
            form.push(("client_assertion_type", ASSERTION_TYPE));
            // Last, and only for whom to make it: that is done just before the request is sent.
            form.push((CLIENT_ASSERTION, &audience));
        }
    }
    let is_asserted = matches!(
        method,
        ClientAuthentication::ClientSecretJwt
            | ClientAuthentication::PrivateKeyJwt
            | ClientAuthentication::Assertion
    );
    match client.request_format {
        // What is added to the request later is added to a form.
        _ if is_asserted => post_form(purpose, url, headers, &form),
        RequestFormat::Form => post_form(purpose, url, headers, &form),
        RequestFormat::Json => post_json(purpose, url, headers, &members(&form)),
    }
}

/// Returns for whom a request lacks a client assertion. Empty if the client has no issuer;
/// `None` if the request lacks none.
pub(crate) fn lacking_assertion(exchange: &Exchange) -> Option<String> {
    let (name, value) = form_urlencoded::parse(exchange.request.body.as_deref()?).last()?;
    let audience = value.strip_prefix(FOR).filter(|_| name == CLIENT_ASSERTION)?;
    Some(audience.to_owned())
}

/// Completes a request that lacks an assertion. An assertion needs no encoding.
pub(crate) fn add_assertion(exchange: &mut Exchange, assertion: &str) {
    let Some(body) = &mut exchange.request.body else { return };
    let end = body.iter().rposition(|byte| *byte == b'=').map_or(0, |position| position + 1);
    body.truncate(end);
    body.extend_from_slice(assertion.as_bytes());
}

/// Converts the form to an object. A repeated name gets a list.
fn members(form: &[(&str, &str)]) -> Map<String, Value> {
    let mut members = Map::new();
    for (name, value) in form {
        let value = Value::from(*value);
        match members.get_mut(*name) {
            None => drop(members.insert((*name).to_owned(), value)),
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    members
}

fn encode(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
