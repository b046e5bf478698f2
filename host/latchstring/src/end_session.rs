//! Ends the user's session at the provider, in a browser (OpenID Connect RP-Initiated
//! Logout 1.0).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use latchstring_core::interaction::Opened;

use crate::capability::browser::{Browser, Launched, browser_url, launch};
use crate::capability::clock::Clock;
use crate::capability::entropy::Entropy;
use crate::capability::loopback::{Listener, Loopback, Peer, Redirect, RedirectHost, Visit};
use crate::capability::terminal::Terminal;
use crate::error::{Code, Error};
use crate::pages::{Page, Pages};

const PATH: &str = "/end-session";

/// Time for a browser to start.
const ARRIVAL: Duration = Duration::from_secs(60);

/// Time to watch for a second browser if the first may have been another user's. A browser
/// that is not running yet takes seconds to start.
const SECOND_ARRIVAL: Duration = Duration::from_secs(5);

/// The capabilities needed to send the user's browser to the provider.
pub(crate) struct EndSession<'a> {
    pub(crate) browser: Option<&'a dyn Browser>,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) entropy: &'a dyn Entropy,
    pub(crate) loopback: &'a dyn Loopback,
    pub(crate) pages: &'a Pages,
    pub(crate) terminal: &'a dyn Terminal,
}

impl EndSession<'_> {
    /// Sends the browser to `url`, which identifies the user.
    ///
    /// Other users can read the browser's command line. So it has only a local address that
    /// works once and cannot be guessed, or a private file that leads there. Fails if no
    /// browser of this user comes, or if a second browser used the address.
    pub(crate) async fn run(&self, url: &str) -> Result<(), Error> {
        let url = browser_url(url)?;
        let secret = URL_SAFE_NO_PAD.encode(self.entropy.draw()?);
        let here = Redirect { host: RedirectHost::Ipv4, ports: Vec::new(), path: PATH.to_owned() };
        let mut listener = self.loopback.bind(&here, self.pages).await?;
        let target = format!("{PATH}?ticket={secret}");
        let address = listener.redirect_uri().replacen(PATH, &target, 1);
        let launched =
            self.browser.map(|browser| launch(browser, &address, listener.tells_peers()));
        let launched = launched.and_then(Result::ok);
        self.terminal.say(match &launched {
            Some(launched) if launched.opened() == Opened::File => {
                "Your browser opens a private file that leads to the end of the session at the provider. If it does not, or may not read that file (some browsers are confined), open:\n\n"
            }
            Some(_) => {
                "Your browser opens to end the session at the provider. If it does not, open:\n\n"
            }
            None => "To end the session at the provider too, open:\n\n",
        });
        self.terminal.address(&address);
        self.terminal.wait("waiting for the browser");
        let mut arrivals = Arrivals { end: self, listener: listener.as_mut(), target: &target };
        let result = arrivals.run(url.as_str(), launched.as_ref()).await;
        self.terminal.settle();
        result
    }
}

/// Requests at the listener, one of which is redirected to the provider.
struct Arrivals<'a> {
    end: &'a EndSession<'a>,
    listener: &'a mut dyn Listener,
    target: &'a str,
}

impl Arrivals<'_> {
    async fn run(&mut self, url: &str, launched: Option<&Launched>) -> Result<(), Error> {
        let mut others = false;
        let clock = self.end.clock;
        let visit = tokio::select! {
            visit = self.next(&mut others) => visit,
            () = clock.sleep(ARRIVAL) => return Err(no_browser_came(others)),
        };
        let is_sure =
            visit.peer == Peer::SameUser || launched.is_some_and(|browser| !browser.is_exposed());
        visit.answer.send(Page::forward(url, None)).await;
        if is_sure {
            return Ok(());
        }
        tokio::select! {
            biased;
            second = self.next(&mut others) => {
                second.answer.send(self.end.pages.used_address()).await;
                Err(opened_twice())
            }
            () = clock.sleep(SECOND_ARRIVAL) => Ok(()),
        }
    }

    /// Returns this user's next request with the ticket. Answers all others, and sets
    /// `others` if one was another user's.
    async fn next(&mut self, others: &mut bool) -> Visit {
        let Self { end, listener, target } = self;
        loop {
            let visit = listener.visit().await;
            if visit.peer.is_refused() {
                visit.answer.send(end.pages.another_user()).await;
                if !std::mem::replace(others, true) {
                    end.terminal.say("A browser that runs as another user of this machine opened the address above and was refused.");
                    end.terminal.wait("waiting for the browser");
                }
            } else if visit.target == *target {
                return visit;
            } else {
                let page = end.pages.stray("it went to an unknown address");
                visit.answer.send(page).await;
            }
        }
    }
}

fn no_browser_came(others: bool) -> Error {
    let message = match others {
        true => "only browsers of other users came to end the session at the provider",
        false => "no browser came to end the session at the provider",
    };
    Error::new(Code::TimedOut, message, "log out on the provider's own page")
}

fn opened_twice() -> Error {
    Error::new(
        Code::HostFault,
        "the address that ends the session at the provider was opened twice, but works only once: \
         another user of this machine may have opened it before you and seen your ID token",
        "log out on the provider's own page",
    )
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "these tests run in virtual time")]
mod tests {
    use std::collections::VecDeque;
    use std::sync::{Arc, Mutex};

    use async_trait::async_trait;

    use super::*;
    use crate::capability::clock::SystemClock;
    use crate::capability::entropy::SystemEntropy;
    use crate::capability::loopback::PendingPage;
    use crate::capability::terminal::Silence;

    const PROVIDER: &str = "https://id.example/end?id_token_hint=secret";
    const URI: &str = "http://127.0.0.1:8000/end-session";

    type Told = Vec<(u16, bool)>;

    /// Browsers that come one after another, each after the one before got its page.
    #[derive(Default)]
    struct Machine {
        tells_peers: bool,
        peers: Mutex<VecDeque<Peer>>,
        opened: Mutex<Option<String>>,
        told: Arc<Mutex<Told>>,
    }

    struct Visitors(&'static Machine);

    impl Browser for Machine {
        fn open(&self, url: &str) -> Result<(), Error> {
            *self.opened.lock().expect("an address") = Some(url.to_owned());
            Ok(())
        }

        fn shows_address(&self) -> bool {
            true
        }
    }

    #[async_trait]
    impl Loopback for &'static Machine {
        async fn bind(&self, _: &Redirect, _: &Pages) -> Result<Box<dyn Listener>, Error> {
            Ok(Box::new(Visitors(self)))
        }
    }

    #[async_trait]
    impl Listener for Visitors {
        fn redirect_uri(&self) -> &str {
            URI
        }

        async fn visit(&mut self) -> Visit {
            let Some(peer) = self.0.peers.lock().expect("visitors").pop_front() else {
                return std::future::pending().await;
            };
            let opened = self.0.opened.lock().expect("an address").clone().expect("an address");
            let target = opened.strip_prefix("http://127.0.0.1:8000").expect("a path").to_owned();
            let (answer, mut page) = PendingPage::pair(Pages::default());
            let told = Arc::clone(&self.0.told);
            tokio::spawn(async move {
                let page = page.page(ARRIVAL).await;
                let sees_provider = page.location.as_deref() == Some(PROVIDER);
                told.lock().expect("a list").push((page.status, sees_provider));
            });
            Visit::new(target, "", answer).from_peer(peer)
        }

        fn tells_peers(&self) -> bool {
            self.0.tells_peers
        }
    }

    type Row = (&'static [Peer], Result<(), Code>, &'static [(u16, bool)], Duration);

    /// Returns how the command ends if browsers of these users bring the ticket in this
    /// order: its result, what each browser was sent, and how long it took.
    async fn visited_by(peers: &[Peer]) -> (Result<(), Code>, Told, Duration) {
        let machine: &'static Machine = Box::leak(Box::new(Machine {
            tells_peers: true,
            peers: Mutex::new(peers.iter().copied().collect()),
            ..Machine::default()
        }));
        let end = EndSession {
            browser: Some(machine),
            clock: &SystemClock,
            entropy: &SystemEntropy,
            loopback: &machine,
            pages: &Pages::default(),
            terminal: &Silence,
        };
        let begun = tokio::time::Instant::now();
        let result = end.run(PROVIDER).await.map_err(|error| error.code());
        let told = machine.told.lock().expect("a list").clone();
        (result, told, begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_browser_of_this_user_is_sent_on_and_only_once() {
        use Peer::{OtherUser, SameUser, Unknown};
        const ON: (u16, bool) = (303, true);
        const REFUSED: (u16, bool) = (403, false);
        const USED: (u16, bool) = (410, false);
        let zero = Duration::ZERO;
        let rows: [Row; 7] = [
            (&[SameUser], Ok(()), &[ON], zero),
            // One browser may send the request twice.
            (&[SameUser, SameUser], Ok(()), &[ON], zero),
            (&[OtherUser, SameUser], Ok(()), &[REFUSED, ON], zero),
            (&[OtherUser, OtherUser], Err(Code::TimedOut), &[REFUSED, REFUSED], ARRIVAL),
            (&[], Err(Code::TimedOut), &[], ARRIVAL),
            // The system does not say whose browser it was, so a second one is waited for.
            (&[Unknown], Ok(()), &[ON], SECOND_ARRIVAL),
            (&[Unknown, SameUser], Err(Code::HostFault), &[ON, USED], zero),
        ];
        for (peers, ended, told, elapsed) in rows {
            let seen = visited_by(peers).await;
            assert_eq!(seen, (ended, told.to_vec(), elapsed), "{peers:?}");
        }
    }
}
