//! What may be sent, in the client's own terms.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Body, Method, Request};
use url::Url;

use super::Trouble;
use crate::contract::{self, Header};
use crate::error::printable;

/// Headers that say where a request goes and where it ends: the client's alone, as
/// are those for proxies.
const OWN_HEADERS: [&str; 9] = [
    "connection",
    "content-length",
    "cookie",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

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

impl From<contract::Method> for Method {
    fn from(method: contract::Method) -> Self {
        match method {
            contract::Method::Get => Self::GET,
            contract::Method::Post => Self::POST,
            contract::Method::Delete => Self::DELETE,
        }
    }
}

/// Any method but two. The error is one line.
///
/// `TRACE` has the answer repeat what was sent, the token too (RFC 9110 §9.3.8);
/// `CONNECT` is for proxies.
pub(crate) fn method(name: &str) -> Result<Method, String> {
    match Method::from_bytes(name.as_bytes()) {
        Ok(Method::TRACE | Method::CONNECT) => Err(format!("{name} is not sent")),
        Ok(method) => Ok(method),
        Err(_) => Err(format!("{name:?} is no method of HTTP")),
    }
}

/// The headers as they are sent. The error is one line, and shows no value.
pub(crate) fn headers(headers: &[Header]) -> Result<HeaderMap, String> {
    let mut map = HeaderMap::new();
    for Header { name, value } in headers {
        let denied = |what: &str| format!("the request's header {} {what}", printable(name));
        let key =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| denied("has no valid name"))?;
        if OWN_HEADERS.contains(&key.as_str()) || key.as_str().starts_with("proxy-") {
            return Err(denied("is for the client alone to set"));
        }
        let mut value = HeaderValue::from_str(value).map_err(|_| denied("has no valid value"))?;
        value.set_sensitive(true);
        map.append(key, value);
    }
    Ok(map)
}
