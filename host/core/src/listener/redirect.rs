//! The loopback redirect URI and the listener's own paths.

use super::request::Expected;
use crate::error::{Code, Error};

/// Prefix of the listener's own paths. No redirect path may begin with it.
pub const OWN_PATHS: &str = "/latchstring/";

/// Path that starts a login in a browser of this machine. Every listener serves it in
/// addition to its redirect path.
pub const START_PATH: &str = "/latchstring/start";

/// Path of the last page, so that its address has no code.
pub const END_PATH: &str = "/latchstring/end";
/// Path and query of the last page.
pub const END_ADDRESS: &str = "/latchstring/end?done";

/// A loopback redirect URI that the provider accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// The host in the redirect URI.
    pub host: RedirectHost,
    /// Ports to try, in order; empty for a port that the system chooses.
    pub ports: Vec<u16>,
    /// The path, which begins with a slash, such as `/callback`.
    pub path: String,
}

impl Redirect {
    /// Returns what a request to the listener on `port` must match.
    pub fn expected(&self, port: u16) -> Expected {
        Expected {
            authorities: authorities(self.host, port),
            paths: vec![self.path.clone(), START_PATH.to_owned(), END_PATH.to_owned()],
        }
    }

    /// Checks that the path can be used.
    ///
    /// # Errors
    ///
    /// Returns `invalid-configuration` if the path is one of the listener's own, does not
    /// begin with exactly one slash, or has characters that a redirect path cannot have.
    pub fn check(&self) -> Result<(), Error> {
        let path = &self.path;
        if path.starts_with(OWN_PATHS) {
            return Err(Error::new(
                Code::InvalidConfiguration,
                format!(
                    "the redirect path {path:?} cannot be used: {OWN_PATHS} is reserved for this \
                     program's own pages"
                ),
                "pass another --redirect-path, such as /callback",
            ));
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
        if path.starts_with('/') && !path.starts_with("//") && path.bytes().all(plain) {
            return Ok(());
        }
        Err(Error::new(
            Code::InvalidConfiguration,
            format!("the redirect path {path:?} cannot be used"),
            "pass a --redirect-path such as /callback, of letters, digits, / - . _ and ~",
        ))
    }

    /// Returns the redirect URI with the first port, or without a port if there is none.
    /// For display only: no listener is behind it.
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
    /// `127.0.0.1`, recommended by
    /// [RFC 8252 §8.3](https://www.rfc-editor.org/rfc/rfc8252#section-8.3).
    Ipv4,
    /// `[::1]`.
    Ipv6,
    /// `localhost`, for providers that require the name. The listener uses IPv4 and IPv6.
    Localhost,
}

impl RedirectHost {
    /// Returns the host as it is written in a URI.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ipv4 => "127.0.0.1",
            Self::Ipv6 => "[::1]",
            Self::Localhost => "localhost",
        }
    }
}

/// Returns the `Host` values that a browser may send for this redirect. Port 80 may be left
/// out (RFC 9110 §4.2.1).
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
