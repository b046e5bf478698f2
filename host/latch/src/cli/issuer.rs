//! Whether a URL is a provider itself, and not an API that names one.

use std::time::Duration;

use latchstring::capability::http::{Http as _, Limits, SystemHttp, Trouble};
use latchstring::contract::{Header, Method, Request};
use latchstring::{Code, Error, printable};
use serde::Deserialize;
use url::Url;

use super::equipment;
use super::profile::Profile;

const TIMEOUT: Duration = Duration::from_secs(20);
const BODY_BYTES: u64 = 1 << 20;

/// Returns the issuer that the metadata at this URL names, or `None` if there is no metadata,
/// or if it is another issuer's.
///
/// It only tells a login what the URL is: the login itself reads the metadata again, and
/// checks all of it (RFC 8414 §3, OpenID Connect Discovery §4).
///
/// # Errors
///
/// Fails if the host cannot be reached.
pub(crate) async fn at(url: &str, profile: &Profile) -> Result<Option<String>, Error> {
    let Some(url) = Url::parse(url).ok().filter(is_safe) else { return Ok(None) };
    let http = equipment::http(profile)?.unwrap_or_else(SystemHttp::new);
    for place in places(&url) {
        let accept = Header { name: "accept".to_owned(), value: "application/json".to_owned() };
        let (method, headers, body) = (Method::Get, vec![accept], None);
        let request = Request { method, url: place, headers, body };
        let limits = Limits { timeout: TIMEOUT, body_bytes: BODY_BYTES, private_addresses: true };
        let response = match http.send(request, limits).await {
            Ok(response) => response,
            Err(Trouble::TooLarge(_)) => continue,
            Err(Trouble::Unreachable { reason, .. } | Trouble::Denied(reason)) => {
                return Err(unreachable(&url, &reason));
            }
        };
        if response.status == 200
            && let Ok(Metadata { issuer }) = serde_json::from_slice(&response.body)
            && issuer.trim_end_matches('/') == url.as_str().trim_end_matches('/')
        {
            return Ok(Some(issuer));
        }
    }
    Ok(None)
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
}

/// As for every provider: https, or this machine.
fn is_safe(url: &Url) -> bool {
    let is_here =
        url.host_str().is_some_and(|host| matches!(host, "127.0.0.1" | "[::1]" | "localhost"));
    url.scheme() == "https" || url.scheme() == "http" && is_here
}

fn places(url: &Url) -> [String; 2] {
    let path = url.path().trim_end_matches('/');
    let mut origin = url.clone();
    origin.set_path("");
    let origin = origin.as_str().trim_end_matches('/');
    [
        format!("{origin}{path}/.well-known/openid-configuration"),
        format!("{origin}/.well-known/oauth-authorization-server{path}"),
    ]
}

fn unreachable(url: &Url, reason: &str) -> Error {
    Error::new(
        Code::Unreachable,
        format!("{} cannot be reached: {}", url.host_str().unwrap_or_default(), printable(reason)),
        "check the address and the network",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_where_both_standards_say() {
        for (url, expected) in [
            (
                "https://id.example.com",
                [
                    "https://id.example.com/.well-known/openid-configuration",
                    "https://id.example.com/.well-known/oauth-authorization-server",
                ],
            ),
            (
                "https://id.example.com:8443/tenant/",
                [
                    "https://id.example.com:8443/tenant/.well-known/openid-configuration",
                    "https://id.example.com:8443/.well-known/oauth-authorization-server/tenant",
                ],
            ),
        ] {
            assert_eq!(places(&Url::parse(url).expect("a URL")), expected);
        }
    }

    #[test]
    fn only_https_and_this_machine_are_asked() {
        let is_asked = |url: &str| is_safe(&Url::parse(url).expect("a URL"));
        assert!(is_asked("https://id.example.com") && is_asked("http://127.0.0.1:8000"));
        assert!(!is_asked("http://id.example.com") && !is_asked("file:///etc/passwd"));
    }
}
