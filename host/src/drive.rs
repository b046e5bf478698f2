//! The host's loop: does what a session asks for, and tells it what came of it.

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};
use zeroize::Zeroizing;

use crate::binding::{Binding, Passage};
use crate::capability::browser::{Browser, browser_url};
use crate::capability::clock::Clock;
use crate::capability::entropy::Entropy;
use crate::capability::http::{Http, Limits, Trouble};
use crate::capability::loopback::{Listener, START_PATH, Visit};
use crate::capability::store::{Key, Lock, Store};
use crate::capability::terminal::Terminal;
use crate::contract::{
    Action, Authorization, DevicePrompt, Exchange, LoginFlow, Outcome, Purpose, Reply, Unreachable,
};
use crate::egress::Egress;
use crate::envelope::Envelope;
use crate::error::{Code, Error};
use crate::pages::Page;
use crate::sandbox::{Instance, Session};

/// For one request, name look-up to last byte.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// No honest answer in these protocols comes near it.
const RESPONSE_BYTES: u64 = 1 << 20;

/// A wait that nobody need be told of.
const UNTOLD_WAIT: Duration = Duration::from_secs(1);

/// What a session is driven with.
pub(crate) struct Drive<'a> {
    pub(crate) clock: &'a dyn Clock,
    pub(crate) http: &'a dyn Http,
    pub(crate) terminal: &'a dyn Terminal,
    pub(crate) store: &'a dyn Store,
    pub(crate) key: &'a Key,
    pub(crate) egress: &'a Egress,
    /// Only a login has one.
    pub(crate) door: Option<Door<'a>>,
}

/// How the person gets to the provider and back.
pub(crate) struct Door<'a> {
    /// None where no browser can come back: every port was taken, or none is
    /// needed.
    pub(crate) listener: Option<Box<dyn Listener>>,
    /// None where the person opens the address by themselves.
    pub(crate) browser: Option<&'a dyn Browser>,
    /// Whether codes are drawn for cameras too.
    pub(crate) draws_qr: bool,
    /// Randomness for one-time addresses.
    pub(crate) entropy: &'a dyn Entropy,
    /// Ties the login to the browser that was started.
    pub(crate) binding: Option<Binding>,
    /// The address that was shown.
    pub(crate) shown: Option<String>,
    /// The opened address was used twice.
    pub(crate) is_taken: bool,
    /// Whether the person is asked for the address that the browser ends on.
    pub(crate) asks: bool,
    /// When the code that was shown is void.
    pub(crate) code_expires_at_ms: Option<u64>,
    /// The browser that waits for its page.
    pub(crate) visit: Option<Visit>,
}

impl Drive<'_> {
    /// Steps the session to its end.
    ///
    /// The browser gets its page only now: after the code was exchanged and
    /// what it brought was saved.
    pub(crate) async fn run(
        mut self,
        instance: &mut Instance,
        session: Session,
    ) -> Result<Outcome, Error> {
        let result = self.steps(instance, session).await;
        self.terminal.settle();
        if let Some(door) = &mut self.door
            && let Some(visit) = door.visit.take()
        {
            let page = match &result {
                Ok(_) => Page::success(),
                Err(error) if error.code() == Code::AccessDenied => Page::refused(error),
                Err(error) => Page::failed(error),
            };
            door.answer(visit, page).await;
        }
        result
    }

    async fn steps(&mut self, instance: &mut Instance, session: Session) -> Result<Outcome, Error> {
        let mut lock: Option<Box<dyn Lock>> = None;
        let mut reply = Reply::Begin;
        loop {
            let action = instance
                .next(&session, &reply, self.clock.now_ms())
                .map_err(|error| self.placed(error))?;
            reply = match action {
                Action::Lock => {
                    if lock.is_none() {
                        lock = Some(self.lock().await?);
                    }
                    Reply::Locked(
                        read(self.store, self.key).await?.map(|envelope| envelope.session.to_vec()),
                    )
                }
                Action::Probe => {
                    if let Some(notice) = self.store.probe(self.key).await? {
                        self.terminal.say(&notice);
                    }
                    Reply::Probed
                }
                Action::Exchange(exchange) => self.exchange(exchange).await,
                Action::Authorize(authorization) => self.authorize(authorization).await?,
                Action::Present(prompt) => self.present(&prompt)?,
                Action::Save(session) => self.save(session.map(Zeroizing::new)).await,
                Action::Done(outcome) => return Ok(outcome),
            };
        }
    }

    /// The lock. Whoever waits for it for long is told.
    async fn lock(&mut self) -> Result<Box<dyn Lock>, Error> {
        let mut lock = self.store.lock(self.key);
        tokio::select! {
            biased;
            lock = &mut lock => return lock,
            () = self.clock.sleep(UNTOLD_WAIT) => {}
        }
        self.terminal.say(&format!(
            "Waiting for another process to finish with the session of the profile {}",
            self.key.profile
        ));
        lock.await
    }

    async fn exchange(&mut self, exchange: Exchange) -> Reply {
        let Exchange { purpose, wait_ms, request } = exchange;
        match purpose {
            Purpose::Poll => self.wait_for_person(wait_ms).await,
            purpose => {
                self.terminal.wait(in_words(purpose));
                if wait_ms > 0 {
                    self.clock.sleep(Duration::from_millis(wait_ms)).await;
                }
            }
        }
        let permit = match self.egress.permit(&request.url).await {
            Ok(permit) => permit,
            Err(reason) => return Reply::Denied(reason),
        };
        let limits = Limits {
            timeout: REQUEST_TIMEOUT,
            body_bytes: RESPONSE_BYTES,
            private_addresses: permit.private_addresses,
        };
        let url = request.url.clone();
        let begun_ms = self.clock.now_ms();
        let answer = self.http.send(request, limits).await;
        let taken_ms = self.clock.now_ms().saturating_sub(begun_ms);
        self.terminal.detail(&match &answer {
            Ok(response) => {
                format!("{} -> {} in {taken_ms} ms", without_query(&url), response.status)
            }
            Err(_) => format!("{} -> no answer in {taken_ms} ms", without_query(&url)),
        });
        match answer {
            Ok(response) => {
                self.egress.learn(&url, &response);
                Reply::Response(response)
            }
            Err(Trouble::Unreachable { reason, sent }) => {
                Reply::Unreachable(Unreachable { reason, sent })
            }
            Err(Trouble::TooLarge(limit)) => Reply::TooLarge(limit),
            Err(Trouble::Denied(reason)) => Reply::Denied(reason),
        }
    }

    async fn authorize(&mut self, authorization: Authorization) -> Result<Reply, Error> {
        let Authorization { url, flow, reason, wait_ms, notice } = authorization;
        let Some(door) = &mut self.door else {
            return Err(outside_of_a_login("a browser"));
        };
        match (door.visit.take(), &notice) {
            (Some(visit), Some(notice)) => visit.answer.send(Page::stray(notice)).await,
            // What was pasted does not count: whoever did that is at the terminal.
            (None, Some(notice)) => {
                self.terminal.say(&format!("That does not finish the login: {notice}"));
            }
            _ => {}
        }
        if door.shown.as_ref() != Some(&url) {
            if let Some(reason) = reason.filter(|_| flow == LoginFlow::Paste) {
                self.terminal.say(&format!("Logging in by hand: {reason}"));
            }
            door.asks = match flow {
                LoginFlow::Paste => {
                    show(self.terminal, &url)?;
                    true
                }
                _ => !door.invite(self.terminal, &url)? && self.terminal.is_attended(),
            };
            door.shown = Some(url);
        }
        if door.asks {
            self.terminal.say(match notice {
                Some(_) => "Paste the whole address (it is not displayed):",
                None => {
                    "When the login is done, copy the whole address from the browser's address bar,\neven if its page cannot be shown, and paste it here (it is not displayed):"
                }
            });
        } else {
            self.terminal.wait("waiting for the login in the browser");
        }
        let terminal = self.terminal;
        let asks = door.asks;
        let pasted = async { if asks { terminal.ask(true).await } else { pending().await } };
        let mut pasted = pin!(pasted);
        let mut timeout = self.clock.sleep(Duration::from_millis(wait_ms));
        loop {
            tokio::select! {
                visit = visit(&mut door.listener) => {
                    if let Some(target) = door.admit(visit, terminal).await? {
                        return Ok(Reply::Redirected(target));
                    }
                }
                text = &mut pasted => return Ok(Reply::Pasted(text)),
                _ = terminal.ask(false), if door.is_taken => door.open_afresh(terminal)?,
                () = &mut timeout => return Ok(Reply::TimedOut),
            }
        }
    }

    /// The code stands there whatever else does: a picture or an address with the
    /// code in it could be somebody else's (RFC 8628 §3.3.1).
    fn present(&mut self, prompt: &DevicePrompt) -> Result<Reply, Error> {
        let Some(door) = &mut self.door else {
            return Err(outside_of_a_login("a code to be shown"));
        };
        door.code_expires_at_ms = Some(prompt.expires_at_ms);
        let address = browser_url(&prompt.verification_uri)?;
        let complete = prompt.verification_uri_complete.as_deref().unwrap_or(address.as_str());
        if door.draws_qr
            && let Some((picture, columns)) = qr_code(complete)
            && self.terminal.shows_pictures(columns)
        {
            self.terminal.say(&picture);
        }
        self.terminal.say(&format!(
            "To log in, open this address on any device:\n\n  {address}\n\nand enter this code:\n\n    {}\n\nOnly enter a code that you asked for yourself.\n",
            prompt.user_code
        ));
        Ok(Reply::Presented)
    }

    /// A countdown, second by second, on a clock that may be set meanwhile.
    async fn wait_for_person(&mut self, wait_ms: u64) {
        let end_ms = self.door.as_ref().and_then(|door| door.code_expires_at_ms);
        let mut left = Duration::from_millis(wait_ms);
        while !left.is_zero() {
            if let Some(end_ms) = end_ms {
                let seconds = end_ms.saturating_sub(self.clock.now_ms()) / 1000;
                self.terminal.wait(&format!(
                    "waiting for you to enter the code, which is good for {}:{:02} more",
                    seconds / 60,
                    seconds % 60
                ));
            }
            let slice = left.min(Duration::from_secs(1));
            self.clock.sleep(slice).await;
            left = left.saturating_sub(slice);
        }
    }

    async fn save(&mut self, session: Option<Zeroizing<Vec<u8>>>) -> Reply {
        let result = match session {
            Some(session) => {
                let envelope = Envelope { origins: self.egress.pinned_origins(), session };
                self.store.write(self.key, &envelope.seal()).await
            }
            None => self.store.delete(self.key).await,
        };
        match result {
            Ok(()) => Reply::Saved,
            Err(error) => Reply::NotSaved(error.message().to_owned()),
        }
    }

    /// The component knows no places: a damaged session is named here.
    fn placed(&self, error: Error) -> Error {
        placed(error, self.store, self.key)
    }
}

impl Drop for Drive<'_> {
    /// An interrupted wait leaves no spinner behind.
    fn drop(&mut self) {
        self.terminal.settle();
    }
}

impl Door<'_> {
    /// Whether a browser opens, or the person has to see to it.
    fn invite(&mut self, terminal: &dyn Terminal, url: &str) -> Result<bool, Error> {
        let (Some(browser), Some(listener)) = (self.browser, &self.listener) else {
            show(terminal, url)?;
            // Whoever wants no browser started has one in mind.
            return Ok(self.browser.is_none());
        };
        // An address that no browser may open is not for the person either.
        browser_url(url)?;
        let binding = Binding::new(self.entropy, listener.redirect_uri(), url)?;
        match browser.open(&binding.opened_address()) {
            Ok(()) => {
                let address = binding.printed_address();
                self.binding = Some(binding);
                terminal.say(&format!(
                    "Your browser opens to log you in. If it does not, open:\n\n  {address}\n"
                ));
                Ok(true)
            }
            Err(error) => {
                terminal.say(&format!("No browser opens ({error}). To log in, open:\n\n  {url}\n"));
                Ok(false)
            }
        }
    }

    /// The redirect's path and query, where the visit is one that may count.
    async fn admit(
        &mut self,
        visit: Visit,
        terminal: &dyn Terminal,
    ) -> Result<Option<String>, Error> {
        let target = visit.target.clone();
        let passage = match &mut self.binding {
            Some(binding) => binding.judge(&target, &visit.cookies, self.entropy)?,
            None if target.starts_with(START_PATH) => Passage::Page(Page::used_address()),
            None => Passage::Redirect,
        };
        match passage {
            Passage::Redirect => {
                self.visit = Some(visit);
                return Ok(Some(target));
            }
            Passage::Page(page) => visit.answer.send(page).await,
            Passage::Taken(page) => {
                visit.answer.send(page).await;
                self.is_taken = true;
                terminal.say(
                    "The address that your browser was sent to was opened twice, and works no more: somebody else on this machine may have taken it. Press Enter for a fresh one.",
                );
            }
        }
        Ok(None)
    }

    /// Sends the browser to a fresh address.
    fn open_afresh(&mut self, terminal: &dyn Terminal) -> Result<(), Error> {
        self.is_taken = false;
        if let (Some(binding), Some(browser)) = (&mut self.binding, self.browser) {
            binding.renew(self.entropy)?;
            browser.open(&binding.opened_address())?;
            terminal.wait("waiting for the login in the browser");
        }
        Ok(())
    }

    /// Sends the last page, also to a browser that asked twice: the second
    /// answer is the one it shows.
    async fn answer(&mut self, visit: Visit, page: Page) {
        let target = visit.target;
        visit.answer.send(page.clone()).await;
        while let Some(visit) = self.next_waiting().await {
            if visit.target == target {
                visit.answer.send(page.clone()).await;
            }
        }
    }

    /// A visit that is there already.
    async fn next_waiting(&mut self) -> Option<Visit> {
        tokio::select! {
            biased;
            visit = visit(&mut self.listener) => Some(visit),
            () = std::future::ready(()) => None,
        }
    }
}

/// What is stored under `key` now.
pub(crate) async fn read(store: &dyn Store, key: &Key) -> Result<Option<Envelope>, Error> {
    match store.read(key).await? {
        Some(bytes) => Envelope::open(&Zeroizing::new(bytes), &store.place(key)).map(Some),
        None => Ok(None),
    }
}

/// Names the place where what the component could not read is stored.
pub(crate) fn placed(error: Error, store: &dyn Store, key: &Key) -> Error {
    match error.code() {
        Code::StoredDamaged | Code::StoredNewer => error.at(&store.place(key)),
        _ => error,
    }
}

/// The next visit; none ever where there is no listener.
async fn visit(listener: &mut Option<Box<dyn Listener>>) -> Visit {
    match listener {
        Some(listener) => listener.visit().await,
        None => pending().await,
    }
}

fn outside_of_a_login(what: &str) -> Error {
    Error::new(
        Code::SandboxFault,
        format!("the login component asked for {what} outside of a login"),
        "report it with the version of this program",
    )
}

/// The address as a picture of half blocks, and its width; none where the address
/// is too long for one.
///
/// Its light parts are drawn: most terminals are dark.
fn qr_code(address: &str) -> Option<(String, usize)> {
    let code = QrCode::with_error_correction_level(address, EcLevel::L).ok()?;
    let picture = code.render().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build();
    let columns = picture.lines().map(|line| line.chars().count()).max()?;
    Some((picture, columns))
}

fn show(terminal: &dyn Terminal, url: &str) -> Result<(), Error> {
    browser_url(url)?;
    terminal.say(&format!("To log in, open:\n\n  {url}\n"));
    Ok(())
}

/// An address as a log may show it: a query can hold secrets.
fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

fn in_words(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Metadata => "asking the provider how it logs people in",
        Purpose::Token => "getting a token",
        Purpose::Keys => "getting the provider's keys",
        Purpose::Userinfo => "asking who you are",
        Purpose::Revocation => "revoking the tokens",
        Purpose::DeviceAuthorization => "asking the provider for a code",
        Purpose::Poll => "waiting for you to enter the code",
    }
}
