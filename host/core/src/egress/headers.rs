//! Which headers a request may have.

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::contract::Header;
use crate::error::printable;

/// Headers that only the HTTP client sets, because they decide where a request goes and
/// where it ends. `proxy-*` headers are reserved too.
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

/// Returns the headers as they are sent.
///
/// # Errors
///
/// Returns one line that says what is wrong with a header, without its value.
pub fn headers(headers: &[Header]) -> Result<HeaderMap, String> {
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
