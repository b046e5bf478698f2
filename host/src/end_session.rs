//! The end of a person's session at the provider, in a browser (OpenID Connect
//! RP-Initiated Logout 1.0).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::capability::browser::{Browser, browser_url};
use crate::capability::clock::Clock;
use crate::capability::entropy::Entropy;
use crate::capability::loopback::{Listener, Loopback, Redirect, RedirectHost, Visit};
use crate::capability::terminal::Terminal;
use crate::error::{Code, Error};
use crate::pages::{Page, Pages};

const PATH: &str = "/end-session";

/// For a browser to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// What it takes to send somebody's browser to the provider.
pub(crate) struct EndSession<'a> {
    pub(crate) browser: Option<&'a dyn Browser>,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) entropy: &'a dyn Entropy,
    pub(crate) loopback: &'a dyn Loopback,
    pub(crate) pages: &'a Pages,
    pub(crate) terminal: &'a dyn Terminal,
}

impl EndSession<'_> {
    /// Sends the browser to `url`, which names the person: the browser's command
    /// line, which other users can read, holds a local address that nobody can
    /// guess and that works once.
    pub(crate) async fn run(&self, url: &str) -> Result<(), Error> {
        let url = browser_url(url)?;
        let secret = URL_SAFE_NO_PAD.encode(self.entropy.draw()?);
        let here = Redirect { host: RedirectHost::Ipv4, ports: Vec::new(), path: PATH.to_owned() };
        let mut listener = self.loopback.bind(&here, self.pages).await?;
        let target = format!("{PATH}?ticket={secret}");
        let address = listener.redirect_uri().replacen(PATH, &target, 1);
        self.terminal.say(match self.browser.map(|browser| browser.open(&address)) {
            Some(Ok(())) => {
                "Your browser opens to end the session at the provider. If it does not, open:\n\n"
            }
            _ => "To end the session at the provider too, open:\n\n",
        });
        self.terminal.address(&address);
        self.terminal.wait("waiting for the browser");
        let visit = tokio::select! {
            visit = the_visit(listener.as_mut(), &target, self.pages) => visit,
            () = self.clock.sleep(PATIENCE) => {
                self.terminal.settle();
                return Err(Error::new(
                    Code::TimedOut,
                    "no browser came to end the session at the provider",
                    "log out on the provider's own page",
                ));
            }
        };
        visit.answer.send(Page::forward(url.as_str(), None)).await;
        self.terminal.settle();
        Ok(())
    }
}

/// The first visit that knows the address.
async fn the_visit(listener: &mut dyn Listener, target: &str, pages: &Pages) -> Visit {
    loop {
        let visit = listener.visit().await;
        if visit.target == target {
            return visit;
        }
        visit.answer.send(pages.stray("it went to an address that was not given out")).await;
    }
}
