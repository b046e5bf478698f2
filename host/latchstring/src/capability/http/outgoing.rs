//! Checks requests and converts them to the HTTP client's types.

use reqwest::{Body, Method, Request};
use url::Url;

use super::Trouble;
use crate::egress::headers;
use latchstring_core::contract::{self, Header};

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
