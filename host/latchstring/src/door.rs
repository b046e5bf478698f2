//! How the user gets to the provider and back.

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use crate::binding::{Binding, Passage, start_query};
use crate::capability::browser::{Browser, Launched, launch};
use crate::capability::clock::Clock;
use crate::capability::entropy::Entropy;
use crate::capability::loopback::{Listener, Visit};
use crate::capability::terminal::Terminal;
use crate::contract::{self, Authorization, DevicePrompt, LoginFlow, Offer, Reply};
use crate::egress::Egress;
use crate::error::{Error, printable};
use crate::farewell::Farewell;
use crate::pages::{Page, Pages, sentence};

const ANY_DEVICE: &str = "To log in, open this address on any device:\n\n";
const PASTE: &str = "When the login is done, copy the whole address from the browser's address bar,
even if its page cannot be shown, and paste it here";
const ANOTHER_ADDRESS: &str = "the login goes on at another address";
const PASTE_AGAIN: &str = "Paste the whole address";
const ANOTHER_USER: &str = "The browser of another user of this machine came to this login and was refused. If that was you, open the address in a browser of the user that runs this command, or use --flow paste.";
const ANOTHER_BROWSER: &str =
    "The login came back in another browser than it began in, and does not count.";
const TAKEN: &str = "The address that your browser was sent to was opened twice, and works no more: somebody else on this machine may have taken it. Press Enter for a fresh one.";

/// The user's browser, terminal and loopback listener during one login.
pub(crate) struct Door<'a> {
    pub(crate) clock: &'a dyn Clock,
    pub(crate) terminal: &'a dyn Terminal,
    /// Decides which addresses the user's browser may open.
    pub(crate) egress: &'a Egress,
    /// The pages that browsers are shown.
    pub(crate) pages: &'a Pages,
    /// The loopback listener; `None` if every port was taken or none is needed, so that no
    /// browser can come back.
    pub(crate) listener: Option<Box<dyn Listener>>,
    /// The browser to start; `None` if the user opens the address by hand.
    pub(crate) browser: Option<&'a dyn Browser>,
    /// Whether addresses are also shown as QR codes.
    pub(crate) draws_qr: bool,
    /// Randomness for one-time addresses.
    pub(crate) entropy: &'a dyn Entropy,
    /// Ties the login to the browser that was started; `None` if none was.
    pub(crate) binding: Option<Binding>,
    /// The authorization URL that was shown.
    pub(crate) shown: Option<String>,
    /// Whether two browsers used the opened address.
    pub(crate) is_taken: bool,
    /// The browser that was started.
    pub(crate) launched: Option<Launched>,
    /// Whether the user was told that another user's browser was refused.
    pub(crate) has_told_of_others: bool,
    /// Whether the browser may run on another machine, as an editor's does: then it may not
    /// reach the listener.
    pub(crate) browser_is_elsewhere: bool,
    /// Whether the user is asked to paste the address that the browser ends on.
    pub(crate) asks: bool,
    /// What the user is to do elsewhere, and until when in milliseconds since the epoch.
    pub(crate) elsewhere: Option<(&'static str, u64)>,
    /// The request that waits for its page.
    pub(crate) visit: Option<Visit>,
}

impl Door<'_> {
    /// Sends the user to the provider and waits for the redirect, a pasted address or the
    /// user's choice of another flow.
    pub(crate) async fn authorize(&mut self, authorization: Authorization) -> Result<Reply, Error> {
        let Authorization { url, flow, reason, wait_ms, notice, alternatives } = authorization;
        self.egress.permit_authorization(&url)?;
        let is_new = self.shown.as_ref() != Some(&url);
        match (self.visit.take(), &notice) {
            (Some(visit), notice) if is_new => {
                self.say_sentence(notice.as_deref().unwrap_or(ANOTHER_ADDRESS));
                self.send_on(visit, &url).await;
            }
            (Some(visit), Some(notice)) => visit.answer.send(self.pages.stray(notice)).await,
            (None, Some(notice)) if is_new => self.say_sentence(notice),
            // The pasted text was not the answer, and the user is at the terminal.
            (None, Some(notice)) => {
                let notice = printable(notice);
                self.terminal.say(&format!("That does not finish the login: {notice}"));
            }
            _ => {}
        }
        if self.shown.as_ref() != Some(&url) {
            if let Some(reason) = reason.filter(|_| flow == LoginFlow::Paste) {
                self.terminal.say(&format!("Logging in by hand: {}", printable(&reason)));
            }
            self.asks = match flow {
                LoginFlow::Paste => {
                    show(self.terminal, &url);
                    true
                }
                _ => {
                    let opened = self.start_browser(&url)?;
                    (!opened || self.browser_is_elsewhere) && self.terminal.is_attended()
                }
            };
            self.shown = Some(url);
        }
        if !self.asks {
            self.terminal.wait("waiting for the login in the browser");
        }
        let question = match notice {
            Some(_) => PASTE_AGAIN,
            None => PASTE,
        };
        let terminal = self.terminal;
        let question = format!("{question} ({}):{}", terminal.discretion(), choices(&alternatives));
        let paste = |asks: bool| {
            let question = &question;
            async move {
                match asks {
                    true => terminal.ask(question, true).await,
                    false => pending().await,
                }
            }
        };
        let mut asks = self.asks;
        let mut pasted = pin!(paste(asks));
        let mut timeout = self.clock.sleep(Duration::from_millis(wait_ms));
        loop {
            // A request may have shown that the browser cannot come back by itself.
            if self.asks && !asks {
                asks = true;
                pasted.set(paste(asks));
            }
            tokio::select! {
                visit = next_visit(&mut self.listener) => {
                    if let Some(target) = self.admit(visit).await? {
                        return Ok(Reply::Redirected(target));
                    }
                }
                // One keyboard answers both questions, so an empty line is Enter.
                text = &mut pasted => {
                    if self.is_taken && text.trim().is_empty() {
                        self.reopen()?;
                        pasted.set(paste(asks));
                        continue;
                    }
                    let chosen = alternatives.iter().copied().find(|flow| is_named(*flow, &text));
                    return Ok(chosen.map_or(Reply::Pasted(text), Reply::Chosen));
                }
                _ = terminal.ask("", false), if self.is_taken && !asks => self.reopen()?,
                error = browser_failure(self.browser), if self.launched.is_some() => {
                    self.launched = None;
                    self.terminal.say(&format!("No browser opens ({error}). Open the address above."));
                    self.asks = self.terminal.is_attended();
                }
                () = &mut timeout => return Ok(Reply::TimedOut),
            }
        }
    }

    /// Shows a phrase of the component as a sentence.
    fn say_sentence(&self, phrase: &str) {
        self.terminal.say(&format!("{}.", sentence(&printable(phrase))));
    }

    /// Sends the browser that came back last to another address, in the same tab.
    async fn send_on(&mut self, visit: Visit, url: &str) {
        if let Some(binding) = &mut self.binding {
            binding.go_on_to(url);
        }
        self.shown = Some(url.to_owned());
        visit.answer.send(Page::forward(url, None)).await;
    }

    /// Shows the address and the code for a login on another device. The code is always
    /// shown: a QR code or an address that contains the code could be another user's
    /// (RFC 8628 §3.3.1).
    pub(crate) fn present(&mut self, prompt: &DevicePrompt) -> Result<Reply, Error> {
        self.elsewhere = Some(("waiting for you to enter the code", prompt.expires_at_ms));
        let address = self.egress.permit_page(&prompt.verification_uri)?;
        let complete = match &prompt.verification_uri_complete {
            Some(complete) => self.egress.permit_page(complete)?,
            None => address.clone(),
        };
        self.draw(complete.as_str());
        self.terminal.say(ANY_DEVICE);
        self.terminal.address(address.as_str());
        self.terminal
            .say(&format!("\nand enter this code:\n\n    {}\n\n", printable(&prompt.user_code)));
        if prompt.verification_uri_complete.is_some() {
            self.terminal.say("Or open this address, which has the code in it:\n\n");
            self.terminal.address(complete.as_str());
            self.terminal.say("\n");
        }
        self.terminal.say("Only enter a code that you asked for yourself.\n");
        Ok(Reply::Presented)
    }

    /// Shows the user a page that nothing comes back from.
    pub(crate) fn send(&mut self, visit: &contract::Visit) -> Result<Reply, Error> {
        self.elsewhere = Some(("waiting for you to confirm the login", visit.expires_at_ms));
        let address = self.egress.permit_page(&visit.url)?;
        let browser = self.browser.filter(|_| visit.opens);
        match browser.map(|browser| browser.open(address.as_str()).map(|()| browser.invitation())) {
            Some(Ok(invitation)) => self.terminal.say(invitation),
            Some(Err(error)) => {
                self.terminal.say(&format!("No browser opens ({error})."));
                self.terminal.say(ANY_DEVICE);
            }
            None => {
                self.draw(address.as_str());
                self.terminal.say(ANY_DEVICE);
            }
        }
        self.terminal.address(address.as_str());
        self.terminal.say("\nOnly confirm a login that you began yourself.\n");
        Ok(Reply::Presented)
    }

    /// Shows the address as a QR code if the terminal can.
    fn draw(&self, address: &str) {
        if self.draws_qr
            && let Some((picture, columns)) = qr_code(address)
            && self.terminal.shows_pictures(columns)
        {
            self.terminal.say(&picture);
        }
    }

    /// Waits and shows a countdown every second: the clock may be changed meanwhile.
    pub(crate) async fn wait_for_user(&mut self, wait_ms: u64) {
        let elsewhere = self.elsewhere;
        let mut left = Duration::from_millis(wait_ms);
        while !left.is_zero() {
            if let Some((what, end_ms)) = elsewhere {
                let left_ms = end_ms.saturating_sub(self.clock.now_ms());
                self.terminal.countdown(what, Duration::from_millis(left_ms));
            }
            let slice = left.min(Duration::from_secs(1));
            self.clock.sleep(slice).await;
            left = left.saturating_sub(slice);
        }
    }

    /// Asks the user how to go on. Requests that come meanwhile get the page for an
    /// abandoned login.
    pub(crate) async fn offer(&mut self, offer: Offer) -> Result<Reply, Error> {
        let Offer { reason, flows, wait_ms } = offer;
        self.binding = None;
        self.launched = None;
        self.shown = None;
        self.is_taken = false;
        self.elsewhere = None;
        self.say_sentence(&reason);
        let (first, others) = flows.split_first().ok_or_else(nothing_offered)?;
        let question = format!("Press Enter to {}.{}", in_words(*first), choices(others));
        let terminal = self.terminal;
        let mut timeout = self.clock.sleep(Duration::from_millis(wait_ms));
        let mut answer = pin!(terminal.ask(&question, false));
        loop {
            tokio::select! {
                visit = next_visit(&mut self.listener) => visit.answer.send(self.pages.abandoned()).await,
                text = &mut answer => {
                    let chosen = flows.iter().copied().find(|flow| is_named(*flow, &text));
                    if let Some(flow) = chosen.or(text.trim().is_empty().then_some(*first)) {
                        return Ok(Reply::Chosen(flow));
                    }
                    answer.set(terminal.ask(&question, false));
                }
                () = &mut timeout => return Ok(Reply::TimedOut),
            }
        }
    }

    /// Starts the browser or shows the address. Returns false if a browser should have been
    /// started and was not.
    fn start_browser(&mut self, url: &str) -> Result<bool, Error> {
        let (Some(browser), Some(listener)) = (self.browser, &self.listener) else {
            show(self.terminal, url);
            // Without a browser to start, the user was expected to open the address anyway.
            return Ok(self.browser.is_none());
        };
        let binding = Binding::new(self.entropy, listener.redirect_uri(), url)?;
        match launch(browser, &binding.opened_address(), listener.tells_peers()) {
            Ok(launched) => {
                let address = binding.printed_address();
                self.binding = Some(binding);
                self.terminal.say(launched.invitation());
                self.launched = Some(launched);
                self.terminal.address(&address);
                Ok(true)
            }
            Err(error) => {
                self.terminal.say(&format!("No browser opens ({error})."));
                show(self.terminal, url);
                Ok(false)
            }
        }
    }

    /// Returns the redirect's path and query, or `None` if the request does not count.
    async fn admit(&mut self, visit: Visit) -> Result<Option<String>, Error> {
        // Check this before anything else: a refused request must not use up a ticket.
        if visit.peer.is_refused() {
            visit.answer.send(self.pages.another_user()).await;
            if !std::mem::replace(&mut self.has_told_of_others, true) {
                self.terminal.say(ANOTHER_USER);
                self.wait_on();
            }
            return Ok(None);
        }
        let target = visit.target.clone();
        let passage = match &mut self.binding {
            Some(binding) => binding.judge(&target, &visit.cookies, self.entropy)?,
            None if start_query(&target).is_some() => Passage::UsedAddress,
            None => Passage::Redirect,
        };
        match passage {
            Passage::Redirect => {
                self.visit = Some(visit);
                return Ok(Some(target));
            }
            Passage::On(page) => visit.answer.send(page).await,
            Passage::AnotherBrowser => {
                visit.answer.send(self.pages.another_browser()).await;
                if !self.asks && self.terminal.is_attended() {
                    self.terminal.say(ANOTHER_BROWSER);
                    self.asks = true;
                }
            }
            Passage::UsedAddress => visit.answer.send(self.pages.used_address()).await,
            Passage::Taken => {
                visit.answer.send(self.pages.used_address()).await;
                self.is_taken = true;
                self.terminal.say(TAKEN);
            }
        }
        Ok(None)
    }

    /// Opens the browser at a new one-time address.
    fn reopen(&mut self) -> Result<(), Error> {
        self.is_taken = false;
        if let (Some(binding), Some(browser), Some(listener)) =
            (&mut self.binding, self.browser, &self.listener)
        {
            binding.renew(self.entropy)?;
            let address = binding.opened_address();
            self.launched = Some(launch(browser, &address, listener.tells_peers())?);
            self.wait_on();
        }
        Ok(())
    }

    /// Shows again that the login waits, after another message was shown.
    fn wait_on(&self) {
        if !self.asks {
            self.terminal.wait("waiting for the login in the browser");
        }
    }

    /// Shows the waiting browsers how the login ended.
    pub(crate) async fn close(&mut self, page: Page) {
        let Some(listener) = &mut self.listener else { return };
        let goodbye = self.binding.as_ref().map(Binding::goodbye);
        let farewell = Farewell { pages: self.pages, page, goodbye };
        farewell.say(self.visit.take(), listener.as_mut()).await;
    }
}

/// Returns the error of the browser that was started. Waits forever if there is none.
async fn browser_failure(browser: Option<&dyn Browser>) -> Error {
    match browser {
        Some(browser) => browser.failure().await,
        None => pending().await,
    }
}

/// Returns the next request. Waits forever if there is no listener.
async fn next_visit(listener: &mut Option<Box<dyn Listener>>) -> Visit {
    match listener {
        Some(listener) => listener.visit().await,
        None => pending().await,
    }
}

#[cfg(not(feature = "qr"))]
fn qr_code(_address: &str) -> Option<(String, usize)> {
    None
}

/// Returns a QR code of the address in half blocks, and its width in columns; `None` if the
/// address is too long.
///
/// Light modules are drawn, because most terminals are dark.
#[cfg(feature = "qr")]
fn qr_code(address: &str) -> Option<(String, usize)> {
    use qrcode::render::unicode::Dense1x2;
    use qrcode::{EcLevel, QrCode};

    let code = QrCode::with_error_correction_level(address, EcLevel::L).ok()?;
    let picture = code.render().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build();
    let columns = picture.lines().map(|line| line.chars().count()).max()?;
    Some((picture, columns))
}

/// Returns what to type to choose a flow: its value of `--flow`.
fn name(flow: LoginFlow) -> &'static str {
    match flow {
        LoginFlow::Browser => "browser",
        LoginFlow::Paste => "paste",
        LoginFlow::Device => "device",
    }
}

fn is_named(flow: LoginFlow, text: &str) -> bool {
    text.trim().eq_ignore_ascii_case(name(flow))
}

fn in_words(flow: LoginFlow) -> &'static str {
    match flow {
        LoginFlow::Browser => "use the browser of this machine",
        LoginFlow::Paste => "use any browser and paste its last address",
        LoginFlow::Device => "use a code on any device",
    }
}

/// Returns a line for each flow, with the word that chooses it.
fn choices(flows: &[LoginFlow]) -> String {
    let lines = flows.iter().map(|flow| format!("\n  {:<8} to {}", name(*flow), in_words(*flow)));
    match flows {
        [] => String::new(),
        _ => format!(" Or type{}", lines.collect::<String>()),
    }
}

fn nothing_offered() -> Error {
    Error::misbehaviour("offered a choice of nothing")
}

fn show(terminal: &dyn Terminal, url: &str) {
    terminal.say("To log in, open:\n\n");
    terminal.address(url);
}
