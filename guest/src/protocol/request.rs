//! HTTP requests as data.

use std::time::UNIX_EPOCH;

use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::contract::{EpochMs, Exchange, Header, Method, Purpose, Request, Response};

/// Returns a GET request for JSON.
pub(crate) fn get(purpose: Purpose, url: &str) -> Exchange {
    exchange(purpose, Method::Get, url, vec![accept_json()], None)
}

/// Returns a GET request with an access token (RFC 6750 §2.1, RFC 9449 §7.1).
pub(crate) fn get_with_token(
    purpose: Purpose,
    url: &str,
    scheme: &str,
    access_token: &str,
) -> Exchange {
    let token = header("authorization", &format!("{scheme} {access_token}"));
    exchange(purpose, Method::Get, url, vec![accept_json(), token], None)
}

/// Returns a POST request with a form (RFC 6749 Appendix B).
pub(crate) fn post_form(
    purpose: Purpose,
    url: &str,
    mut headers: Vec<Header>,
    form: &[(&str, &str)],
) -> Exchange {
    headers.push(accept_json());
    headers.push(header("content-type", "application/x-www-form-urlencoded"));
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    exchange(purpose, Method::Post, url, headers, Some(body.into_bytes()))
}

/// Returns a POST request with a JSON object.
pub(crate) fn post_json(
    purpose: Purpose,
    url: &str,
    mut headers: Vec<Header>,
    object: &Map<String, Value>,
) -> Exchange {
    headers.push(accept_json());
    headers.push(header("content-type", "application/json"));
    let body = serde_json::Value::Object(object.clone()).to_string().into_bytes();
    exchange(purpose, Method::Post, url, headers, Some(body))
}

/// Returns a request for JSON, without a body.
pub(crate) fn plain(
    purpose: Purpose,
    method: Method,
    url: &str,
    mut headers: Vec<Header>,
) -> Exchange {
    headers.push(accept_json());
    exchange(purpose, method, url, headers, None)
}

pub(crate) fn header(name: &str, value: &str) -> Header {
    Header { name: name.to_owned(), value: value.to_owned() }
}

/// Returns the value of a response header. Case does not matter in `name`.
pub(crate) fn find_header<'a>(headers: &'a [Header], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case(name))
        .map(|header| header.value.as_str())
}

/// Returns the delay that the response asks for, in milliseconds (`Retry-After`, RFC 9110
/// §10.2.3). Returns `None` if there is none, or if it is a date.
pub(crate) fn retry_after_ms(response: &Response) -> Option<u64> {
    let seconds: u64 = find_header(&response.headers, "retry-after")?.trim().parse().ok()?;
    Some(seconds.saturating_mul(1000))
}

/// Returns the provider's time (`Date`, RFC 9110 §6.6.1), or `None` if it does not say.
pub(crate) fn date_ms(response: &Response) -> Option<EpochMs> {
    let date = httpdate::parse_http_date(find_header(&response.headers, "date")?).ok()?;
    let since = date.duration_since(UNIX_EPOCH).ok()?;
    Some(since.as_secs().saturating_mul(1000))
}

fn accept_json() -> Header {
    header("accept", "application/json")
}

fn exchange(
    purpose: Purpose,
    method: Method,
    url: &str,
    headers: Vec<Header>,
    body: Option<Vec<u8>>,
) -> Exchange {
    Exchange {
        purpose,
        wait_ms: 0,
        timeout_ms: None,
        remark: None,
        request: Request { method, url: url.to_owned(), headers, body },
    }
}
