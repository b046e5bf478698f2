//! Which headers a request may have.

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::contract::Header;
use crate::error::printable;

/// Headers that only the HTTP client sets, because they decide where a request goes and
/// where it ends. `proxy-*` headers are reserved too.
const OWN_HEADERS: [&str; 10] = [
    "connection",
    "content-length",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Checks that the component may set a header with this name.
///
/// # Errors
///
/// Returns one line that says what is wrong with it.
pub fn check_header_name(name: &str) -> Result<(), String> {
    // RFC 9110 §5.6.2.
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(denied(name, "has no valid name"));
    }
    let lower = name.to_ascii_lowercase();
    if OWN_HEADERS.contains(&&*lower) || lower.starts_with("proxy-") {
        return Err(denied(name, "is for the client alone to set"));
    }
    Ok(())
}

/// Returns the headers as they are sent.
///
/// # Errors
///
/// Returns one line that says what is wrong with a header, without its value.
pub fn headers(headers: &[Header]) -> Result<HeaderMap, String> {
    let mut map = HeaderMap::new();
    for Header { name, value } in headers {
        check_header_name(name)?;
        let key = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| denied(name, "has no valid name"))?;
        let mut value =
            HeaderValue::from_str(value).map_err(|_| denied(name, "has no valid value"))?;
        value.set_sensitive(true);
        map.append(key, value);
    }
    Ok(map)
}

fn denied(name: &str, what: &str) -> String {
    format!("the request's header {} {what}", printable(name))
}
