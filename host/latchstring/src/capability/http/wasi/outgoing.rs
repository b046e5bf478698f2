//! Makes the request that WASI sends.

use url::Url;
use wasip2::http::types::{Fields, Method, OutgoingRequest, Scheme};

use super::{ApiRequest, Trouble};
use crate::capability::http;
use crate::egress::headers;
use crate::error::printable;

const USER_AGENT: &str = concat!("latchstring/", env!("CARGO_PKG_VERSION"));

pub(super) fn request(url: &Url, request: &ApiRequest) -> Result<OutgoingRequest, Trouble> {
    let fields = Fields::new();
    append(&fields, "accept", b"*/*")?;
    append(&fields, "user-agent", USER_AGENT.as_bytes())?;
    let own = headers(&request.headers).map_err(Trouble::Denied)?;
    if own.contains_key("accept") {
        fields.delete("accept").map_err(|_| denied("accept", "cannot be set"))?;
    }
    for (name, value) in &own {
        append(&fields, name.as_str(), value.as_bytes())?;
    }
    if let Some(body) = &request.body {
        append(&fields, "content-length", body.len().to_string().as_bytes())?;
    }
    let outgoing = OutgoingRequest::new(fields);
    let method = match http::method(&request.method).map_err(Trouble::Denied)?.as_str() {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    };
    let scheme = match url.scheme() {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        scheme => {
            return Err(Trouble::Denied(format!("requests use https or http, not {scheme}")));
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
    set().map_err(|()| Trouble::Denied("the request's URL cannot be requested".to_owned()))?;
    Ok(outgoing)
}

/// Adds a header. The error shows no value.
fn append(fields: &Fields, name: &str, value: &[u8]) -> Result<(), Trouble> {
    fields.append(name, value).map_err(|_| denied(name, "has no valid name or value"))
}

fn denied(name: &str, what: &str) -> Trouble {
    Trouble::Denied(format!("the request's header {} {what}", printable(name)))
}
