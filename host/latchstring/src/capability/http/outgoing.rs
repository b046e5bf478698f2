//! Checks requests and converts them to the HTTP client's types.

use reqwest::{Body, Method, Request};
use url::Url;

use super::Trouble;
use crate::contract::{self, Header};
use crate::egress::headers;

pub(super) fn outgoing(
    method: Method,
    url: Url,
    fields: &[Header],
    body: Option<Body>,
) -> Result<Request, Trouble> {
    let mut outgoing = Request::new(method, url);
    *outgoing.headers_mut() = headers(fields).map_err(Trouble::Denied)?;
    *outgoing.body_mut() = body;
    Ok(outgoing)
}

/// Returns the method of a component's request.
pub(super) fn of_contract(method: contract::Method) -> Method {
    match method {
        contract::Method::Get => Method::GET,
        contract::Method::Post => Method::POST,
        contract::Method::Delete => Method::DELETE,
    }
}

/// Returns the method with this name. The error is one line.
///
/// `TRACE` is refused because its response repeats the request with the token (RFC 9110
/// §9.3.8), `CONNECT` because it is for proxies.
pub(crate) fn method(name: &str) -> Result<Method, String> {
    match Method::from_bytes(name.as_bytes()) {
        Ok(Method::TRACE | Method::CONNECT) => Err(format!("{name} is not sent")),
        Ok(method) => Ok(method),
        Err(_) => Err(format!("{name:?} is no method of HTTP")),
    }
}
