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

use crate::capability::entropy::Entropy;
use crate::error::Error;
use crate::listener::START_PATH;
use crate::pages::Page;

/// The one-time addresses of a login, and the cookies that it has set.
pub struct Binding {
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
pub enum Passage {
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
    ///
    /// # Errors
    ///
    /// Returns the error of [`Entropy::draw`].
    pub fn new(
        entropy: &dyn Entropy,
        redirect_uri: &str,
        authorization_url: &str,
    ) -> Result<Self, Error> {
        let name = secret(entropy)?;
        let origin = redirect_uri.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
        Ok(Self {
            origin,
            authorization_url: authorization_url.to_owned(),
            cookie_name: format!("latchstring-{}", &name[..16]),
            opened: secret(entropy)?,
            printed: secret(entropy)?,
            opened_by: None,
            accepted: BTreeSet::new(),
        })
    }

    /// Returns the address for the browser's command line. It works in one browser only.
    pub fn opened_address(&self) -> String {
        self.address(&self.opened)
    }

    /// Returns the address to show to the user. It works in any browser of this machine,
    /// any number of times.
    pub fn printed_address(&self) -> String {
        self.address(&self.printed)
    }

    /// Changes the authorization URL that the local addresses lead to.
    pub fn go_on_to(&mut self, authorization_url: &str) {
        authorization_url.clone_into(&mut self.authorization_url);
    }

    /// Replaces the ticket in the opened address.
    ///
    /// # Errors
    ///
    /// Returns the error of [`Entropy::draw`].
    pub fn renew(&mut self, entropy: &dyn Entropy) -> Result<(), Error> {
        self.opened = secret(entropy)?;
        self.opened_by = None;
        Ok(())
    }

    /// Returns the `Set-Cookie` header value that deletes the cookie.
    pub fn goodbye(&self) -> String {
        format!("{}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax", self.cookie_name)
    }

    /// Decides what a request for `target` with this `Cookie` header means.
    ///
    /// # Errors
    ///
    /// Returns the error of [`Entropy::draw`].
    pub fn judge(
        &mut self,
        target: &str,
        cookies: &str,
        entropy: &dyn Entropy,
    ) -> Result<Passage, Error> {
        let known = self.cookie(cookies).map(str::to_owned);
        let Some(query) = start_query(target) else {
            return Ok(match known {
                Some(cookie) if self.accepted.contains(&cookie) => Passage::Redirect,
                _ => Passage::AnotherBrowser,
            });
        };
        let ticket = query.strip_prefix("ticket=").unwrap_or_default();
        if ticket == self.printed {
            let cookie = known.filter(|cookie| self.accepted.contains(cookie));
            return self.forward(cookie, entropy).map(|(page, _)| Passage::On(page));
        }
        if ticket != self.opened {
            return Ok(Passage::UsedAddress);
        }
        match self.opened_by.clone() {
            None => {
                let (page, cookie) = self.forward(None, entropy)?;
                self.opened_by = Some(cookie);
                Ok(Passage::On(page))
            }
            // The same browser again, for example after a reload.
            Some(cookie) if known.as_ref() == Some(&cookie) => {
                self.forward(Some(cookie), entropy).map(|(page, _)| Passage::On(page))
            }
            Some(cookie) => {
                self.accepted.remove(&cookie);
                // Replace the ticket, so that the first browser cannot get another cookie
                // with it either.
                self.opened = secret(entropy)?;
                self.opened_by = None;
                Ok(Passage::Taken)
            }
        }
    }

    /// Returns the redirect to the provider and the cookie that it sets. The callback must
    /// bring that cookie.
    fn forward(
        &mut self,
        cookie: Option<String>,
        entropy: &dyn Entropy,
    ) -> Result<(Page, String), Error> {
        let cookie = cookie.map_or_else(|| secret(entropy), Ok)?;
        self.accepted.insert(cookie.clone());
        // Lax, because the browser must send it when the provider's page redirects here.
        let header = format!("{}={cookie}; Path=/; HttpOnly; SameSite=Lax", self.cookie_name);
        Ok((Page::forward(&self.authorization_url, Some(header)), cookie))
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
pub fn start_query(target: &str) -> Option<&str> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    (path == START_PATH).then_some(query)
}

fn secret(entropy: &dyn Entropy) -> Result<String, Error> {
    Ok(URL_SAFE_NO_PAD.encode(entropy.draw()?))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;

    /// Returns different bytes at each call, which is enough for these tests.
    #[derive(Default)]
    struct Counter(AtomicU8);

    impl Entropy for Counter {
        fn draw(&self) -> Result<[u8; 32], Error> {
            Ok([self.0.fetch_add(1, Ordering::Relaxed); 32])
        }
    }

    static ENTROPY: Counter = Counter(AtomicU8::new(0));

    const PROVIDER: &str = "https://id.example/authorize?state=x";

    fn binding() -> Binding {
        Binding::new(&ENTROPY, "http://127.0.0.1:8000/callback", PROVIDER).expect("entropy")
    }

    fn target(address: &str) -> &str {
        address.strip_prefix("http://127.0.0.1:8000").expect("a local address")
    }

    fn judge(binding: &mut Binding, target: &str, cookies: &str) -> Passage {
        binding.judge(target, cookies, &ENTROPY).expect("entropy")
    }

    /// Requests an address and returns the cookie that the answer sets.
    fn begin(binding: &mut Binding, address: &str, cookies: &str) -> String {
        match judge(binding, target(address), cookies) {
            Passage::On(Page { location: Some(location), cookie: Some(cookie), .. }) => {
                assert_eq!(location, PROVIDER);
                cookie.split(';').next().expect("a pair").to_owned()
            }
            _ => panic!("no way on"),
        }
    }

    fn comes_back(binding: &mut Binding, cookies: &str) -> bool {
        matches!(judge(binding, "/callback?code=c&state=x", cookies), Passage::Redirect)
    }

    #[test]
    fn only_the_browser_that_began_comes_back() {
        let mut binding = binding();
        let address = binding.opened_address();
        let cookie = begin(&mut binding, &address, "");
        assert!(!comes_back(&mut binding, ""));
        let (name, value) = cookie.split_once('=').expect("a pair");
        assert!(!comes_back(&mut binding, &format!("{name}=x{value}")));
        assert!(!comes_back(&mut binding, &format!("other={value}")));
        assert!(comes_back(&mut binding, &format!("a=b; {cookie}; c=d")));
    }

    #[test]
    fn a_second_browser_at_the_opened_address_revokes_the_first() {
        let mut binding = binding();
        let address = binding.opened_address();
        let cookie = begin(&mut binding, &address, "");
        assert!(matches!(judge(&mut binding, target(&address), ""), Passage::Taken));
        assert!(!comes_back(&mut binding, &cookie));
        // The first browser has a cookie, and a reload does not help it.
        let passage = judge(&mut binding, target(&address), &cookie);
        assert!(matches!(passage, Passage::UsedAddress));
        assert!(!comes_back(&mut binding, &cookie));
        binding.renew(&ENTROPY).expect("entropy");
        assert!(matches!(judge(&mut binding, target(&address), ""), Passage::UsedAddress));
        let address = binding.opened_address();
        let cookie = begin(&mut binding, &address, "");
        assert!(comes_back(&mut binding, &cookie));
    }

    #[test]
    fn the_same_browser_may_reload() {
        let mut binding = binding();
        let address = binding.opened_address();
        let cookie = begin(&mut binding, &address, "");
        assert_eq!(begin(&mut binding, &address, &cookie), cookie);
        assert!(comes_back(&mut binding, &cookie));
    }

    #[test]
    fn the_printed_address_opens_in_any_browser_along_with_the_opened_one() {
        let mut binding = binding();
        let (opened, printed) = (binding.opened_address(), binding.printed_address());
        let first = begin(&mut binding, &opened, "");
        let second = begin(&mut binding, &printed, "");
        let third = begin(&mut binding, &printed, "");
        assert!(first != second && second != third);
        for cookie in [first, second, third] {
            assert!(comes_back(&mut binding, &cookie));
        }
    }

    #[test]
    fn a_path_that_only_begins_like_the_start_address_is_a_redirect() {
        let mut binding = binding();
        let address = binding.opened_address();
        let cookie = begin(&mut binding, &address, "");
        for target in ["/latchstring/startle?code=c", "/latchstring/start/?code=c"] {
            let passage = judge(&mut binding, target, &cookie);
            assert!(matches!(passage, Passage::Redirect), "{target}");
        }
    }

    #[test]
    fn a_guessed_address_is_refused() {
        let mut binding = binding();
        for target in [START_PATH, "/latchstring/start?ticket=", "/latchstring/start?ticket=x"] {
            let passage = judge(&mut binding, target, "");
            assert!(matches!(passage, Passage::UsedAddress), "{target}");
        }
    }
}
