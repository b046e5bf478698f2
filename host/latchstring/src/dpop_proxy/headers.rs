//! Which headers pass the proxy in either direction.

use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue,
    LOCATION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, REFERER, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE,
};
use url::{Position, Url};

const DPOP: HeaderName = HeaderName::from_static("dpop");
pub(super) const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// Tells the answers of this program from those of the API: the error's code.
pub(super) const LATCH_ERROR: HeaderName = HeaderName::from_static("latch-error");

/// Headers of one connection, beside those that `Connection` names
/// ([RFC 9110 §7.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1)).
const OF_CONNECTION: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Headers of a request that this program sets, or that are about the request to the proxy.
/// `Referer` could contain the secret.
const OWN: [HeaderName; 6] = [AUTHORIZATION, CONTENT_LENGTH, DPOP, EXPECT, HOST, REFERER];

/// Returns the headers of a request as the API gets them, still without the token.
pub(super) fn to_api(mut headers: HeaderMap) -> HeaderMap {
    remove_those_of_connection(&mut headers);
    for name in OWN {
        headers.remove(name);
    }
    headers
}

/// Changes the headers of a response to those that the program gets. A redirect within the
/// API stays on the proxy. `requested` is the URL that was requested, and `proxy` stands for
/// its origin.
pub(super) fn from_api(headers: &mut HeaderMap, requested: &Url, proxy: &str) {
    remove_those_of_connection(headers);
    headers.remove(LATCH_ERROR);
    let location = headers.get(LOCATION).and_then(|value| value.to_str().ok());
    // What is not a URL reference leads nowhere, and stays as it is.
    if let Some(target) = location.and_then(|location| requested.join(location).ok()) {
        let location = match target.origin() == requested.origin() {
            true => format!("{proxy}{}", &target[Position::BeforePath..]),
            false => target.into(),
        };
        // OK because both are printable ASCII.
        let location = HeaderValue::try_from(location).expect("a header value");
        headers.insert(LOCATION, location);
    }
}

fn remove_those_of_connection(headers: &mut HeaderMap) {
    let named = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let named = named.flat_map(|value| value.split(','));
    let named: Vec<HeaderName> = named.filter_map(|name| name.trim().parse().ok()).collect();
    for name in named.iter().chain(&OF_CONNECTION) {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(rows: &[(&'static str, &str)]) -> HeaderMap {
        let header = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), value.parse().expect("a value"))
        };
        rows.iter().map(header).collect()
    }

    #[test]
    fn what_is_of_one_connection_or_of_this_program_does_not_reach_the_api() {
        let given = headers(&[
            ("accept", "*/*"),
            ("authorization", "Basic YTpi"),
            ("connection", "close, X-Hop"),
            ("content-length", "3"),
            ("cookie", "a=b"),
            ("dpop", "a.b.c"),
            ("expect", "100-continue"),
            ("host", "127.0.0.1:8000"),
            ("keep-alive", "timeout=5"),
            ("proxy-authorization", "Basic YTpi"),
            ("referer", "http://127.0.0.1:8000/s3cret/"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("x-hop", "1"),
        ]);
        assert_eq!(to_api(given), headers(&[("accept", "*/*"), ("cookie", "a=b")]));
    }

    #[test]
    fn a_redirect_within_the_api_stays_on_the_proxy_and_others_lead_away() {
        let requested = Url::parse("https://api.example/v1/a?b").expect("a URL");
        for (given, expected) in [
            ("/v2?c#d", "http://proxy/s/v2?c#d"),
            ("c", "http://proxy/s/v1/c"),
            ("?c", "http://proxy/s/v1/a?c"),
            ("https://API.example:443/v2", "http://proxy/s/v2"),
            ("//api.example/v2", "http://proxy/s/v2"),
            ("//other.example/v2", "https://other.example/v2"),
            ("https://other.example/v2", "https://other.example/v2"),
            ("http://api.example/v2", "http://api.example/v2"),
            ("https://api.example:8443/v2", "https://api.example:8443/v2"),
            ("https://[", "https://["),
        ] {
            let mut headers = headers(&[("location", given), ("set-cookie", "a=b")]);
            from_api(&mut headers, &requested, "http://proxy/s");
            assert_eq!(headers[LOCATION], expected, "{given}");
            assert_eq!(headers["set-cookie"], "a=b");
        }
    }

    #[test]
    fn the_api_cannot_speak_for_this_program() {
        let requested = Url::parse("https://api.example/").expect("a URL");
        let mut headers = headers(&[("latch-error", "login-required"), ("connection", "close")]);
        from_api(&mut headers, &requested, "http://proxy/s");
        assert!(headers.is_empty());
    }
}
