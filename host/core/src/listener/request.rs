//! Decides which requests count, from method, target and headers only.

/// Name and value of a header. Names are compared without regard to case.
pub type Header<'a> = (&'a str, &'a [u8]);

/// What a request must match to count.
#[derive(Debug, Clone)]
pub struct Expected {
    /// Allowed `Host` values, in lower case. Any other value comes from a page of another
    /// site whose name was made to resolve to this machine (DNS rebinding).
    pub authorities: Vec<String>,
    /// Allowed paths: the redirect path and the listener's own.
    pub paths: Vec<String>,
}

/// Why a request does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It has another `Host`, several, or none.
    Misdirected,
    /// Its method is not GET.
    Method,
    /// Its path is another one: a favicon, a guess.
    Path,
    /// It has no query: a reloaded or hand-typed address.
    Query,
    /// It is a prefetch. The browser does not use the error response and sends the request
    /// again when the user opens the page.
    Prefetch,
    /// It has a body; a redirect never has one.
    Body,
}

impl Refusal {
    /// Returns the status and the text of the response.
    pub fn answer(self) -> (u16, &'static str) {
        match self {
            Self::Misdirected => (421, "This listener answers only requests to its own address.\n"),
            Self::Method => (405, "Only GET requests are answered here.\n"),
            Self::Path => (404, "There is nothing here.\n"),
            Self::Query => {
                (400, "The response to a login is expected here, and this request has none.\n")
            }
            Self::Prefetch => (503, "Not before you open this page.\n"),
            Self::Body => (400, "Requests with a body are not answered here.\n"),
        }
    }
}

/// Checks that a request could be the redirect: GET, an allowed host and path, a query, no
/// body, and not a prefetch.
///
/// `target` is the request target as sent; only its origin form counts
/// ([RFC 9112 §3.2.1](https://www.rfc-editor.org/rfc/rfc9112#section-3.2.1)).
///
/// # Errors
///
/// Returns why the request does not count.
pub fn judge(
    expected: &Expected,
    method: &str,
    target: &str,
    headers: &[Header<'_>],
) -> Result<(), Refusal> {
    if !names_host(expected, headers) {
        return Err(Refusal::Misdirected);
    }
    if method != "GET" {
        return Err(Refusal::Method);
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if !expected.paths.iter().any(|expected| expected == path) {
        return Err(Refusal::Path);
    }
    if query.is_empty() {
        return Err(Refusal::Query);
    }
    if is_prefetch(headers) {
        return Err(Refusal::Prefetch);
    }
    if has_body(headers) {
        return Err(Refusal::Body);
    }
    Ok(())
}

fn names_host(expected: &Expected, headers: &[Header<'_>]) -> bool {
    let mut hosts = values(headers, "host");
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return false;
    };
    expected.authorities.iter().any(|authority| host.eq_ignore_ascii_case(authority.as_bytes()))
}

/// Returns whether the request has a header that browsers send, or have sent, when they
/// load a page in advance.
fn is_prefetch(headers: &[Header<'_>]) -> bool {
    ["sec-purpose", "purpose", "x-purpose", "x-moz"].iter().any(|name| {
        values(headers, name).any(|value| {
            let value = value.to_ascii_lowercase();
            ["prefetch", "preview", "prerender"]
                .iter()
                .any(|word| contains(&value, word.as_bytes()))
        })
    })
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}

fn has_body(headers: &[Header<'_>]) -> bool {
    values(headers, "transfer-encoding").next().is_some()
        || values(headers, "content-length").any(|length| length != b"0")
}

/// Returns the values of all headers with this name.
fn values<'a>(headers: &'a [Header<'_>], name: &str) -> impl Iterator<Item = &'a [u8]> {
    let named = headers.iter().filter(move |(other, _)| other.eq_ignore_ascii_case(name));
    named.map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(method: &str, target: &str, headers: &[(&str, &str)]) -> Result<(), Refusal> {
        let expected = Expected {
            authorities: vec!["127.0.0.1:8000".to_owned(), "localhost:8000".to_owned()],
            paths: vec!["/callback".to_owned(), "/start".to_owned()],
        };
        let headers: Vec<Header<'_>> =
            headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        judge(&expected, method, target, &headers)
    }

    type Row<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], Refusal);

    const HOST: (&str, &str) = ("host", "127.0.0.1:8000");

    #[test]
    fn a_redirect_is_accepted() {
        assert_eq!(judged("GET", "/callback?code=a&state=b", &[HOST]), Ok(()));
        assert_eq!(
            judged("GET", "/callback?error=access_denied", &[("host", "LocalHost:8000")]),
            Ok(())
        );
        assert_eq!(judged("GET", "/callback?a", &[HOST, ("content-length", "0")]), Ok(()));
        assert_eq!(judged("GET", "/callback?a", &[HOST, ("sec-fetch-mode", "navigate")]), Ok(()));
    }

    #[test]
    fn every_refusal_has_its_reason() {
        use Refusal::{Body, Method, Misdirected, Path, Prefetch, Query};
        let rows: &[Row<'_>] = &[
            ("GET", "/callback?a", &[], Misdirected),
            ("GET", "/callback?a", &[("host", "evil.example:8000")], Misdirected),
            ("GET", "/callback?a", &[("host", "127.0.0.1")], Misdirected),
            ("GET", "/callback?a", &[("host", "127.0.0.1:8001")], Misdirected),
            ("GET", "/callback?a", &[("host", "127.0.0.1:8000.evil.example")], Misdirected),
            ("GET", "/callback?a", &[HOST, HOST], Misdirected),
            ("GET", "/callback?a", &[HOST, ("host", "evil.example")], Misdirected),
            ("HEAD", "/callback?a", &[HOST], Method),
            ("OPTIONS", "/callback?a", &[HOST], Method),
            ("OPTIONS", "*", &[HOST], Method),
            ("POST", "/callback?a", &[HOST], Method),
            ("get", "/callback?a", &[HOST], Method),
            ("GET", "/", &[HOST], Path),
            ("GET", "/favicon.ico", &[HOST], Path),
            ("GET", "/favicon.ico?a", &[HOST], Path),
            ("GET", "/callback/?a", &[HOST], Path),
            ("GET", "//callback?a", &[HOST], Path),
            ("GET", "/CALLBACK?a", &[HOST], Path),
            ("GET", "/call%62ack?a", &[HOST], Path),
            ("GET", "/x/../callback?a", &[HOST], Path),
            ("GET", "http://127.0.0.1:8000/callback?a", &[HOST], Path),
            ("GET", "", &[HOST], Path),
            ("GET", "/callback", &[HOST], Query),
            ("GET", "/callback?", &[HOST], Query),
            ("GET", "/callback?a", &[HOST, ("sec-purpose", "prefetch;prerender")], Prefetch),
            ("GET", "/callback?a", &[HOST, ("sec-purpose", "Prefetch")], Prefetch),
            ("GET", "/callback?a", &[HOST, ("purpose", "prefetch")], Prefetch),
            ("GET", "/callback?a", &[HOST, ("x-purpose", "preview")], Prefetch),
            ("GET", "/callback?a", &[HOST, ("x-moz", "prefetch")], Prefetch),
            ("GET", "/callback?a", &[HOST, ("content-length", "1")], Body),
            ("GET", "/callback?a", &[HOST, ("Transfer-Encoding", "chunked")], Body),
        ];
        for (method, target, headers, refusal) in rows {
            assert_eq!(
                judged(method, target, headers),
                Err(*refusal),
                "{method} {target} {headers:?}"
            );
        }
    }
}
