//! Where the browser comes back to, as it stands in a redirect URI.

use super::request::Expected;
use crate::error::{Code, Error};

/// Paths that begin so are the listener's own; no redirect may have one.
pub const OWN_PATHS: &str = "/latchstring/";

/// Where a login begins in a browser of this machine; every listener answers here
/// beside its redirect's path.
pub const START_PATH: &str = "/latchstring/start";

/// Where it ends: the last page has an address without a code.
pub const END_PATH: &str = "/latchstring/end";
/// Path and query of the last page.
pub const END_ADDRESS: &str = "/latchstring/end?done";

/// Where a provider lets the browser come back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// The host as it stands in the redirect URI.
    pub host: RedirectHost,
    /// Tried in order; empty for a port that the system chooses.
    pub ports: Vec<u16>,
    /// Begins with a slash, such as `/callback`.
    pub path: String,
}

impl Redirect {
    /// What a request to its listener on `port` must match.
    pub fn expected(&self, port: u16) -> Expected {
        Expected {
            authorities: authorities(self.host, port),
            paths: vec![self.path.clone(), START_PATH.to_owned(), END_PATH.to_owned()],
        }
    }

    /// Refuses a path that no login could come back to.
    pub fn check(&self) -> Result<(), Error> {
        let path = &self.path;
        if path.starts_with(OWN_PATHS) {
            return Err(Error::new(
                Code::InvalidConfiguration,
                format!(
                    "the redirect path {path:?} cannot be used: {OWN_PATHS} is where this \
                     program's own pages are"
                ),
                "give another --redirect-path, such as /callback",
            ));
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
        if path.starts_with('/') && !path.starts_with("//") && path.bytes().all(plain) {
            return Ok(());
        }
        Err(Error::new(
            Code::InvalidConfiguration,
            format!("the redirect path {path:?} cannot be used"),
            "give a --redirect-path such as /callback, of letters, digits, / - . _ and ~",
        ))
    }

    /// The redirect URI with the first port, where nobody listens.
    pub fn first_uri(&self) -> String {
        let host = self.host.name();
        match self.ports.first() {
            Some(port) => format!("http://{host}:{port}{}", self.path),
            None => format!("http://{host}{}", self.path),
        }
    }
}

/// The host part of a loopback redirect URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedirectHost {
    /// `127.0.0.1`, what RFC 8252 §8.3 recommends.
    Ipv4,
    /// `[::1]`.
    Ipv6,
    /// `localhost`: listens on both families, for providers that want the name.
    Localhost,
}

impl RedirectHost {
    /// As it stands in a URI.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ipv4 => "127.0.0.1",
            Self::Ipv6 => "[::1]",
            Self::Localhost => "localhost",
        }
    }
}

/// What a browser may write in `Host` for this redirect. Port 80 goes without
/// saying (RFC 9110 §4.2.1).
fn authorities(host: RedirectHost, port: u16) -> Vec<String> {
    let hosts: &[RedirectHost] = match &host {
        RedirectHost::Localhost => {
            &[RedirectHost::Localhost, RedirectHost::Ipv4, RedirectHost::Ipv6]
        }
        one => std::slice::from_ref(one),
    };
    let bare = hosts.iter().filter(|_| port == 80).map(|&host| host.name().to_owned());
    hosts.iter().map(|&host| format!("{}:{port}", host.name())).chain(bare).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_address_answers_to_itself_only() {
        assert_eq!(authorities(RedirectHost::Ipv4, 8000), ["127.0.0.1:8000"]);
        assert_eq!(authorities(RedirectHost::Ipv6, 80), ["[::1]:80", "[::1]"]);
        let localhost = ["localhost:8000", "127.0.0.1:8000", "[::1]:8000"];
        assert_eq!(authorities(RedirectHost::Localhost, 8000), localhost);
    }

    #[test]
    fn only_paths_that_a_login_can_come_back_to_are_allowed() {
        let rows = [
            ("/callback", true),
            ("/", true),
            ("/latchstrings", true),
            ("/latchstring", true),
            ("/a/latchstring/start", true),
            ("/latchstring/", false),
            ("/latchstring/start", false),
            ("/latchstring/startle", false),
            ("/latchstring/end", false),
            ("//callback", false),
            ("callback", false),
            ("/call back", false),
            ("/callback?a", false),
        ];
        for (path, is_allowed) in rows {
            let redirect =
                Redirect { host: RedirectHost::Ipv4, ports: Vec::new(), path: path.to_owned() };
            assert_eq!(redirect.check().is_ok(), is_allowed, "{path}");
        }
    }
}
