//! Registered redirect URIs.

use url::{Host, Url};

/// A system's comparison of redirect URIs.
pub(crate) enum Redirects {
    /// One of these, compared exactly.
    Exact(Vec<String>),
    /// This path on 127.0.0.1, with any port (RFC 8252 §7.3).
    Loopback(&'static str),
    Anywhere,
}

impl Redirects {
    pub(crate) fn allow(&self, redirect_uri: &str) -> bool {
        match self {
            Self::Exact(registered) => registered.iter().any(|known| known == redirect_uri),
            Self::Loopback(path) => Url::parse(redirect_uri).is_ok_and(|url| {
                let bare = url.username().is_empty()
                    && url.password().is_none()
                    && url.query().is_none()
                    && url.fragment().is_none();
                url.scheme() == "http"
                    && url.host() == Some(Host::Ipv4([127, 0, 0, 1].into()))
                    && bare
                    && url.path() == *path
            }),
            Self::Anywhere => Url::parse(redirect_uri).is_ok(),
        }
    }
}
