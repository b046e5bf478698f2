//! Decides which requests to the proxy count, from target and headers only.

use http::header::{HOST, HeaderMap, HeaderName, ORIGIN};
use http::{Request, Uri};
use subtle::ConstantTimeEq as _;

/// Sent by browsers with every request that a page makes
/// ([Fetch Metadata](https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header)).
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What a request must have to be passed on.
pub(super) struct Gate {
    /// The only `Host`. Any other comes from a page whose name was made to resolve to this
    /// machine (DNS rebinding).
    pub(super) authority: String,
    /// The first segment of the path.
    pub(super) secret: String,
}

impl Gate {
    /// Returns the path and query at the API, or `None` if the request does not count.
    pub(super) fn admit<'r, B>(&self, request: &'r Request<B>) -> Option<&'r str> {
        let rest = self.after_secret(request.uri())?;
        let headers = request.headers();
        let is_from_page = headers.contains_key(ORIGIN) || headers.contains_key(SEC_FETCH_SITE);
        (self.names_host(headers) && !is_from_page).then_some(rest)
    }

    /// Compares in constant time, so that the secret cannot be found byte by byte. Only the
    /// origin form of a target counts
    /// ([RFC 9112 §3.2.1](https://www.rfc-editor.org/rfc/rfc9112#section-3.2.1)).
    fn after_secret<'r>(&self, target: &'r Uri) -> Option<&'r str> {
        if target.authority().is_some() {
            return None;
        }
        let target = target.path_and_query()?.as_str().strip_prefix('/')?;
        let end = target.find(['/', '?']).unwrap_or(target.len());
        let (segment, rest) = target.split_at(end);
        bool::from(segment.as_bytes().ct_eq(self.secret.as_bytes())).then_some(rest)
    }

    fn names_host(&self, headers: &HeaderMap) -> bool {
        let mut hosts = headers.get_all(HOST).iter();
        let is_ours = hosts.next().is_some_and(|host| host == self.authority.as_str());
        is_ours && hosts.next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(target: &str, headers: &[(&str, &str)]) -> Option<String> {
        let gate = Gate { authority: "127.0.0.1:8000".to_owned(), secret: "s3cret".to_owned() };
        let request = Request::get(target);
        let request =
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        gate.admit(&request.body(()).expect("a request")).map(str::to_owned)
    }

    const HOST: (&str, &str) = ("host", "127.0.0.1:8000");

    #[test]
    fn behind_the_secret_is_the_api() {
        for (target, rest) in [
            ("/s3cret", ""),
            ("/s3cret/", "/"),
            ("/s3cret?a=b", "?a=b"),
            ("/s3cret/v1/a%20b?c=/d", "/v1/a%20b?c=/d"),
            ("/s3cret//other.example/", "//other.example/"),
        ] {
            assert_eq!(admitted(target, &[HOST]).as_deref(), Some(rest), "{target}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for target in [
            "/",
            "*",
            "/s3cre",
            "/s3crets",
            "/S3CRET/",
            "/s3cre%74/",
            "//s3cret/",
            "/a/../s3cret/",
            "http://127.0.0.1:8000/s3cret/",
            "http://other.example/s3cret/",
        ] {
            assert_eq!(admitted(target, &[HOST]), None, "{target}");
        }
        let rows: &[&[(&str, &str)]] = &[
            &[],
            &[("host", "127.0.0.1")],
            &[("host", "127.0.0.1:8001")],
            &[("host", "localhost:8000")],
            &[("host", "evil.example:8000")],
            &[HOST, HOST],
            &[HOST, ("host", "evil.example")],
            &[HOST, ("origin", "https://evil.example")],
            &[HOST, ("origin", "null")],
            &[HOST, ("origin", "http://127.0.0.1:8000")],
            &[HOST, ("sec-fetch-site", "cross-site")],
            &[HOST, ("sec-fetch-site", "none")],
        ];
        for headers in rows {
            assert_eq!(admitted("/s3cret/", headers), None, "{headers:?}");
        }
    }
}
