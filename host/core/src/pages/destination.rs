//! Another site's page that the browser is redirected to after a login.

use serde::Deserialize;
use url::Url;

use crate::egress::addresses::is_loopback;

/// The URL to redirect the browser to when a login has ended. It comes from a file, and
/// nothing about the login is added to it.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Destination(Url);

impl Destination {
    pub(super) fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl TryFrom<String> for Destination {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_allowed =
            |url: &Url| url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url));
        let has_no_credentials = |url: &Url| url.username().is_empty() && url.password().is_none();
        match Url::parse(&text) {
            Ok(mut url) if is_allowed(&url) && has_no_credentials(&url) => {
                if url.fragment().is_none() {
                    // Without a fragment, browsers apply that of the callback (RFC 9110
                    // §10.2.2), which the provider chooses. An empty one prevents this.
                    url.set_fragment(Some(""));
                }
                Ok(Self(url))
            }
            _ => Err(format!(
                "{text:?} cannot be redirected to; expected an https address, or http on a loopback address, without a user name"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, String> {
        Destination::try_from(text.to_owned()).map(|url| url.as_str().to_owned())
    }

    #[test]
    fn an_address_drops_the_fragment_of_the_callback() {
        for (text, url) in [
            ("https://example.com/done", "https://example.com/done#"),
            ("https://example.com/done?a=b#c", "https://example.com/done?a=b#c"),
            ("http://127.0.0.1:8000", "http://127.0.0.1:8000/#"),
            ("http://[::1]:8000/", "http://[::1]:8000/#"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(url));
        }
    }

    #[test]
    fn only_https_and_http_on_this_machine_are_allowed() {
        for text in [
            "",
            "/done",
            "example.com",
            "http://example.com/",
            "http://127.0.0.1.example.com/",
            "https://me:secret@example.com/",
            "javascript:alert(1)",
            "data:text/html,hello",
            "file:///etc/passwd",
        ] {
            let reason = read(text).expect_err(text);
            assert!(reason.contains("expected an https address"), "{reason}");
        }
    }
}
