//! A request in WASI's terms.

use url::Url;
use wasip2::http::types::{Fields, Method, OutgoingRequest, Scheme};

use super::Trouble;
use crate::contract::{self, Header, Request};
use crate::error::printable;

const USER_AGENT: &str = concat!("latchstring/", env!("CARGO_PKG_VERSION"));

/// Headers that say where a request goes and where it ends: the client's alone.
const OWN_HEADERS: [&str; 10] = [
    "connection",
    "content-length",
    "cookie",
    "host",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

pub(super) fn request(url: &Url, request: &Request) -> Result<OutgoingRequest, Trouble> {
    let fields = Fields::new();
    append(&fields, "accept", "*/*")?;
    append(&fields, "user-agent", USER_AGENT)?;
    for Header { name, value } in &request.headers {
        if OWN_HEADERS.iter().any(|own| name.eq_ignore_ascii_case(own)) {
            return Err(denied(name, "is for the client alone to set"));
        }
        if name.eq_ignore_ascii_case("accept") {
            fields.delete(name).map_err(|_| denied(name, "cannot be set"))?;
        }
        append(&fields, name, value)?;
    }
    if let Some(body) = &request.body {
        append(&fields, "content-length", &body.len().to_string())?;
    }
    let outgoing = OutgoingRequest::new(fields);
    let method = match request.method {
        contract::Method::Get => Method::Get,
        contract::Method::Post => Method::Post,
        contract::Method::Delete => Method::Delete,
    };
    let scheme = match url.scheme() {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        scheme => {
            return Err(Trouble::Denied(format!(
                "requests go over https or http, not over {scheme}"
            )));
        }
    };
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let target = format!("{}{query}", url.path());
    let set = || {
        outgoing.set_method(&method)?;
        outgoing.set_scheme(Some(&scheme))?;
        outgoing.set_authority(Some(&url[url::Position::BeforeHost..url::Position::AfterPort]))?;
        outgoing.set_path_with_query(Some(&target))
    };
    set().map_err(|()| Trouble::Denied("the request's URL cannot be asked".to_owned()))?;
    Ok(outgoing)
}

/// The error shows no value.
fn append(fields: &Fields, name: &str, value: &str) -> Result<(), Trouble> {
    fields.append(name, value.as_bytes()).map_err(|_| denied(name, "has no valid name or value"))
}

fn denied(name: &str, what: &str) -> Trouble {
    Trouble::Denied(format!("the request's header {} {what}", printable(name)))
}
