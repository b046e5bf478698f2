//! Binds a login to the browser that began it
//! ([RFC 9700 §2.1.1](https://www.rfc-editor.org/rfc/rfc9700#section-2.1.1)).
//!
//! Another user of this machine can read a browser's command line. With the authorization
//! URL from it, they could finish the login with their own account: `state`, `nonce` and
//! PKCE would all match, and this user would act as the other. So the browser is first sent
//! to a local address that works once and sets a cookie. A redirect counts only if it
//! brings that cookie. The listener refuses connections of other users before they get
//! here; if it cannot tell users apart, the address is in a private file instead of on a
//! command line.
//!
//! ```text
//! opened   http://127.0.0.1:PORT/latchstring/start?ticket=...   works once
//! printed  http://127.0.0.1:PORT/latchstring/start?ticket=...   shown to this user only
//! both     -> cookie, on to the provider -> callback with the cookie
//! ```

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::listener::START_PATH;
use crate::pages::Page;

/// The one-time addresses of a login, and the cookies that it has set.
pub(super) struct Binding {
    /// Scheme, host and port of the listener.
    origin: String,
    authorization_url: String,
    /// Different for every login, because cookies do not tell ports apart.
    cookie_name: String,
    opened: String,
    printed: String,
    /// The cookie of the browser that used the opened address; `None` until one did.
    opened_by: Option<String>,
    /// Cookies that a redirect may bring.
    accepted: BTreeSet<String>,
}

/// The meaning of a request to the listener.
pub(super) enum Passage {
    /// The redirect, from a browser that began here.
    Redirect,
    /// The start of a login: the browser is sent on to the provider.
    On(Page),
    /// A redirect from a browser that did not begin here.
    AnotherBrowser,
    /// A local address that is unknown or was replaced.
    UsedAddress,
    /// The opened address, requested again from another browser. The cookie of the first
    /// browser is no longer accepted either.
    Taken,
}

impl Binding {
    /// Creates the binding for one login. `redirect_uri` is the listener's, with its port;
    /// `authorization_url` is where the browser is sent on to.
    pub(super) fn new(secrets: &mut Secrets, redirect_uri: &str, authorization_url: &str) -> Self {
        let origin = redirect_uri.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
        Self {
            origin,
            authorization_url: authorization_url.to_owned(),
            cookie_name: format!("latchstring-{}", &secrets.draw()[..16]),
            opened: secrets.draw(),
            printed: secrets.draw(),
            opened_by: None,
            accepted: BTreeSet::new(),
        }
    }

    /// Returns the address for the browser's command line. It works in one browser only.
    pub(super) fn opened_address(&self) -> String {
        self.address(&self.opened)
    }

    /// Returns the address to show to the user. It works in any browser of this machine,
    /// any number of times.
    pub(super) fn printed_address(&self) -> String {
        self.address(&self.printed)
    }

    /// Changes the authorization URL that the local addresses lead to.
    pub(super) fn go_on_to(&mut self, authorization_url: &str) {
        authorization_url.clone_into(&mut self.authorization_url);
    }

    /// Replaces the ticket in the opened address.
    pub(super) fn renew(&mut self, secrets: &mut Secrets) {
        self.opened = secrets.draw();
        self.opened_by = None;
    }

    /// Returns the `Set-Cookie` header value that deletes the cookie.
    pub(super) fn goodbye(&self) -> String {
        format!("{}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax", self.cookie_name)
    }

    /// Decides what a request for `target` with this `Cookie` header means.
    pub(super) fn judge(&mut self, target: &str, cookies: &str, secrets: &mut Secrets) -> Passage {
        let known = self.cookie(cookies).map(str::to_owned);
        let Some(query) = start_query(target) else {
            return match known {
                Some(cookie) if self.accepted.contains(&cookie) => Passage::Redirect,
                _ => Passage::AnotherBrowser,
            };
        };
        let ticket = query.strip_prefix("ticket=").unwrap_or_default();
        if ticket == self.printed {
            let cookie = known.filter(|cookie| self.accepted.contains(cookie));
            return Passage::On(self.forward(cookie.unwrap_or_else(|| secrets.draw())));
        }
        if ticket != self.opened {
            return Passage::UsedAddress;
        }
        match self.opened_by.clone() {
            None => {
                let cookie = secrets.draw();
                self.opened_by = Some(cookie.clone());
                Passage::On(self.forward(cookie))
            }
            // The same browser again, for example after a reload.
            Some(cookie) if known.as_ref() == Some(&cookie) => Passage::On(self.forward(cookie)),
            Some(cookie) => {
                self.accepted.remove(&cookie);
                // Replace the ticket, so that the first browser cannot get another cookie
                // with it either.
                self.renew(secrets);
                Passage::Taken
            }
        }
    }

    /// Returns the redirect to the provider, which sets `cookie`. The callback must bring
    /// that cookie.
    fn forward(&mut self, cookie: String) -> Page {
        // Lax, because the browser must send it when the provider's page redirects here.
        let header = format!("{}={cookie}; Path=/; HttpOnly; SameSite=Lax", self.cookie_name);
        self.accepted.insert(cookie);
        Page::forward(&self.authorization_url, Some(header))
    }

    fn cookie<'a>(&self, cookies: &'a str) -> Option<&'a str> {
        cookies
            .split(';')
            .find_map(|pair| pair.trim().strip_prefix(&self.cookie_name)?.strip_prefix('='))
    }

    fn address(&self, ticket: &str) -> String {
        format!("{}{START_PATH}?ticket={ticket}", self.origin)
    }
}

/// Returns the query of a request for the start address, or `None` if `target` has another
/// path.
pub(super) fn start_query(target: &str) -> Option<&str> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    (path == START_PATH).then_some(query)
}

/// Random values from one seed: the hash of the seed and a counter. Who knows some of them
/// knows nothing about the others.
pub(super) struct Secrets {
    seed: [u8; 32],
    drawn: u64,
}

impl Secrets {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        Self { seed, drawn: 0 }
    }

    fn draw(&mut self) -> String {
        let turn = self.drawn.to_be_bytes();
        self.drawn += 1;
        URL_SAFE_NO_PAD.encode(Sha256::new().chain_update(self.seed).chain_update(turn).finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROVIDER: &str = "https://id.example/authorize?state=x";

    /// A binding with the source of its secrets.
    struct Login {
        binding: Binding,
        secrets: Secrets,
    }

    impl Login {
        fn begin() -> Self {
            let mut secrets = Secrets::new([7; 32]);
            let binding = Binding::new(&mut secrets, "http://127.0.0.1:8000/callback", PROVIDER);
            Self { binding, secrets }
        }

        fn judge(&mut self, target: &str, cookies: &str) -> Passage {
            self.binding.judge(target, cookies, &mut self.secrets)
        }

        /// Requests an address and returns the cookie that the answer sets.
        fn open(&mut self, address: &str, cookies: &str) -> String {
            match self.judge(target(address), cookies) {
                Passage::On(Page { location: Some(location), cookie: Some(cookie), .. }) => {
                    assert_eq!(location, PROVIDER);
                    cookie.split(';').next().expect("a pair").to_owned()
                }
                _ => panic!("no way on"),
            }
        }

        fn comes_back(&mut self, cookies: &str) -> bool {
            matches!(self.judge("/callback?code=c&state=x", cookies), Passage::Redirect)
        }
    }

    fn target(address: &str) -> &str {
        address.strip_prefix("http://127.0.0.1:8000").expect("a local address")
    }

    #[test]
    fn only_the_browser_that_began_comes_back() {
        let mut login = Login::begin();
        let address = login.binding.opened_address();
        let cookie = login.open(&address, "");
        assert!(!login.comes_back(""));
        let (name, value) = cookie.split_once('=').expect("a pair");
        assert!(!login.comes_back(&format!("{name}=x{value}")));
        assert!(!login.comes_back(&format!("other={value}")));
        assert!(login.comes_back(&format!("a=b; {cookie}; c=d")));
    }

    #[test]
    fn a_second_browser_at_the_opened_address_revokes_the_first() {
        let mut login = Login::begin();
        let address = login.binding.opened_address();
        let cookie = login.open(&address, "");
        assert!(matches!(login.judge(target(&address), ""), Passage::Taken));
        assert!(!login.comes_back(&cookie));
        // The first browser has a cookie, and a reload does not help it.
        let passage = login.judge(target(&address), &cookie);
        assert!(matches!(passage, Passage::UsedAddress));
        assert!(!login.comes_back(&cookie));
        login.binding.renew(&mut login.secrets);
        assert!(matches!(login.judge(target(&address), ""), Passage::UsedAddress));
        let address = login.binding.opened_address();
        let cookie = login.open(&address, "");
        assert!(login.comes_back(&cookie));
    }

    #[test]
    fn the_same_browser_may_reload() {
        let mut login = Login::begin();
        let address = login.binding.opened_address();
        let cookie = login.open(&address, "");
        assert_eq!(login.open(&address, &cookie), cookie);
        assert!(login.comes_back(&cookie));
    }

    #[test]
    fn the_printed_address_opens_in_any_browser_along_with_the_opened_one() {
        let mut login = Login::begin();
        let (opened, printed) = (login.binding.opened_address(), login.binding.printed_address());
        let first = login.open(&opened, "");
        let second = login.open(&printed, "");
        let third = login.open(&printed, "");
        assert!(first != second && second != third);
        for cookie in [first, second, third] {
            assert!(login.comes_back(&cookie));
        }
    }

    #[test]
    fn a_path_that_only_begins_like_the_start_address_is_a_redirect() {
        let mut login = Login::begin();
        let address = login.binding.opened_address();
        let cookie = login.open(&address, "");
        for target in ["/latchstring/startle?code=c", "/latchstring/start/?code=c"] {
            let passage = login.judge(target, &cookie);
            assert!(matches!(passage, Passage::Redirect), "{target}");
        }
    }

    #[test]
    fn a_guessed_address_is_refused() {
        let mut login = Login::begin();
        for target in [START_PATH, "/latchstring/start?ticket=", "/latchstring/start?ticket=x"] {
            let passage = login.judge(target, "");
            assert!(matches!(passage, Passage::UsedAddress), "{target}");
        }
    }
}
