//! Which URLs a login may talk to.

use url::{Host, Url};

use crate::contract::{Client, Failure};

/// Longest URL, in bytes: longer ones do not fit on every system's command line
/// once an authorization request is appended.
const LENGTH_LIMIT: usize = 4096;

/// An issuer identifier that passed RFC 8414 §2: https (or http on loopback),
/// no query, no fragment. Compared as the text it was given as.
#[derive(Clone)]
pub(crate) struct Issuer {
    text: String,
    url: Url,
    /// What it calls itself, where that is not the text.
    https_name: Option<String>,
}

impl Issuer {
    /// The client's issuer; none where it has none.
    pub(crate) fn of(client: &Client) -> Result<Option<Self>, Failure> {
        let Some(text) = client.issuer.as_deref() else { return Ok(None) };
        let issuer = Self::parse(text)?;
        let https_name = issuer_name(client).filter(|name| name != text);
        Ok(Some(Self { https_name, ..issuer }))
    }

    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let url = parse("issuer", text, true).map_err(|message| {
            Failure::configuration(message, "check the issuer's spelling with the provider")
        })?;
        if url.query().is_some() {
            return Err(Failure::configuration(
                "the issuer has a query; an issuer has none (RFC 8414 §2)",
                "check the issuer's spelling with the provider",
            ));
        }
        Ok(Self { text: text.to_owned(), url, https_name: None })
    }

    /// What metadata and tokens call it.
    pub(crate) fn name(&self) -> &str {
        self.https_name.as_deref().unwrap_or(&self.text)
    }

    /// Where an endpoint is reached that the metadata names.
    pub(crate) fn reach(&self, endpoint: String) -> String {
        let Some(name) = &self.https_name else { return endpoint };
        let (Ok(name), Ok(mut url)) = (Url::parse(name), Url::parse(&endpoint)) else {
            return endpoint;
        };
        if url.origin() != name.origin() {
            return endpoint;
        }
        // Each scheme has a default port of its own, so the port is the issuer's.
        let port = self.url.port_or_known_default();
        match url.set_scheme(self.url.scheme()).and_then(|()| url.set_port(port)) {
            Ok(()) => url.into(),
            Err(()) => endpoint,
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    pub(crate) fn is_loopback(&self) -> bool {
        is_loopback(&self.url)
    }
}

/// What the client's issuer calls itself (RFC 8414 §2).
pub(crate) fn issuer_name(client: &Client) -> Option<String> {
    let issuer = client.issuer.clone()?;
    Some(match issuer.strip_prefix("http:") {
        Some(rest) if client.https_issuer => format!("https:{rest}"),
        _ => issuer,
    })
}

/// An endpoint's URL: https, or http on a loopback address where that is
/// allowed; no credentials, no fragment (RFC 6749 §3.1). The error names `field`.
pub(crate) fn parse(field: &str, text: &str, loopback_allowed: bool) -> Result<Url, String> {
    if text.len() > LENGTH_LIMIT {
        return Err(format!("{field} is longer than {LENGTH_LIMIT} bytes"));
    }
    // The parser would drop some of these in silence; no issuer is spelt with them.
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(format!("{field} holds spaces or control characters; expected none"));
    }
    let url = Url::parse(text).map_err(|error| format!("{field} is no URL: {error}"))?;
    let secure = url.scheme() == "https";
    let loopback = url.scheme() == "http" && is_loopback(&url) && loopback_allowed;
    if !secure && !loopback {
        return Err(format!("{field} is {}; expected https", describe(&url)));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("{field} holds a user name or password; expected none"));
    }
    if url.fragment().is_some() {
        return Err(format!("{field} has a fragment; expected none"));
    }
    Ok(url)
}

/// An endpoint that may be missing, in the parser's own spelling: what was
/// checked is what requests go to.
pub(crate) fn parse_optional(
    field: &str,
    text: Option<&str>,
    loopback_allowed: bool,
) -> Result<Option<String>, String> {
    text.map(|text| parse(field, text, loopback_allowed).map(String::from)).transpose()
}

/// Scheme and host, for messages: never the query, which may hold secrets.
pub(crate) fn describe(url: &Url) -> String {
    match url.host_str() {
        Some(host) => format!("{}://{host}", url.scheme()),
        None => format!("{}:", url.scheme()),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_and_loopback_http_pass() {
        for good in [
            "https://id.example/a?b=c",
            "http://127.0.0.1:80/x",
            "http://[::1]/",
            "http://localhost:1/",
        ] {
            assert!(parse("x", good, true).is_ok(), "{good}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for bad in [
            "http://id.example/",
            "ftp://127.0.0.1/",
            "javascript:alert(1)",
            "file:///etc/passwd",
            "https://user:pw@id.example/",
            "https://id.example/#x",
            "id.example",
            "",
            "https://",
            "http://127.0.0.1.id.example/",
            "http://localhost.id.example/",
            "https://id.exa\tmple/",
            " https://id.example/",
        ] {
            assert!(parse("x", bad, true).is_err(), "{bad}");
        }
        assert!(parse("x", "http://127.0.0.1/", false).is_err());
    }

    #[test]
    fn an_issuer_has_no_query() {
        assert!(Issuer::parse("https://id.example/?tenant=a").is_err());
        assert!(Issuer::parse("https://id.example/tenant").is_ok());
    }
}
