//! Client authentication at the token, device authorization, revocation and introspection
//! endpoints (RFC 6749 §2.3, OIDC §9).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::contract::{Client, ClientAuthentication, Exchange, Failure, Purpose, RequestFormat};
use crate::protocol::request::{header, post_form, post_json};

/// Returns the method to use: the caller's choice, otherwise the one that the metadata
/// prefers.
///
/// `supported` is `token_endpoint_auth_methods_supported`. If it is absent, the default
/// is `client_secret_basic` (RFC 8414 §2).
pub(crate) fn choose(
    client: &Client,
    supported: Option<&[String]>,
) -> Result<ClientAuthentication, Failure> {
    let preferred = match client.client_secret {
        None => ClientAuthentication::None,
        Some(_) => with_secret(supported),
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
/// Fails with `invalid-configuration` if the method needs a secret and there is none.
pub(crate) fn keep(
    client: &Client,
    method: ClientAuthentication,
) -> Result<ClientAuthentication, Failure> {
    let method = client.authentication.unwrap_or(method);
    if method != ClientAuthentication::None && client.client_secret.is_none() {
        return Err(Failure::configuration(
            "the client must authenticate with a secret, but none was set",
            "set the client secret, or choose the authentication `none`",
        ));
    }
    Ok(method)
}

/// Returns a POST request with the client's authentication, by exactly one method.
pub(crate) fn authenticated_post<'a>(
    purpose: Purpose,
    url: &str,
    client: &'a Client,
    method: ClientAuthentication,
    mut form: Vec<(&'a str, &'a str)>,
) -> Exchange {
    let secret = client.client_secret.as_deref().unwrap_or_default();
    let mut headers = Vec::new();
    match method {
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
    }
    match client.request_format {
        RequestFormat::Form => post_form(purpose, url, headers, &form),
        RequestFormat::Json => post_json(purpose, url, headers, &members(&form)),
    }
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
