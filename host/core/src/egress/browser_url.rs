//! Which URLs may be opened in a browser.

use url::Url;

use crate::egress::addresses::is_loopback;
use crate::error::{Code, Error};

/// Returns the parsed URL if a browser may open it: https, or http on a loopback host.
///
/// The provider's metadata chooses this URL. Other schemes start other programs, and text
/// without a scheme could be taken for a command-line option.
///
/// # Errors
///
/// Returns `egress-denied` for any other URL.
pub fn browser_url(url: &str) -> Result<Url, Error> {
    let denied = |reason: &str| {
        Error::new(
            Code::EgressDenied,
            format!(
                "the browser is not sent to {reason}; expected https, or http on a loopback address"
            ),
            "check the provider's authorization endpoint",
        )
    };
    let url = Url::parse(url).map_err(|_| denied("something that is not a URL"))?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(denied("an http URL on another machine")),
        scheme => Err(denied(&format!("a URL with scheme {scheme}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_and_loopback_http_pass() {
        for url in [
            "https://login.example/authorize?a=b",
            "http://127.0.0.1:8000/",
            "http://127.8.8.8/",
            "http://[::1]:8000/authorize",
            "http://localhost:8000/",
        ] {
            assert!(browser_url(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn everything_else_is_denied() {
        for url in [
            "http://login.example/",
            "http://localhost.example/",
            "http://10.0.0.1/",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "ms-settings:",
            "--help",
            "calc.exe",
            "//login.example/",
            "https://",
            "",
        ] {
            assert_eq!(browser_url(url).expect_err(url).code(), Code::EgressDenied);
        }
    }

    #[test]
    fn characters_special_to_a_shell_or_terminal_are_escaped() {
        let url =
            browser_url("https://login.example/?a=\"b\" 'c' <d>\u{1b}\n&e=$(f)").expect("https");
        assert_eq!(url.as_str(), "https://login.example/?a=%22b%22%20%27c%27%20%3Cd%3E%1B&e=$(f)");
    }
}
