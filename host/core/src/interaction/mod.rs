//! The user's side of a login: what is said and asked, where the browser is sent, and what
//! each request to the listener gets.
//!
//! Input and output are the host's. It passes what the session asks for, and then what
//! happens as [`Event`]s, and carries out the returned [`Command`]s in order, until one of
//! them is [`Command::Reply`].
//!
//! ```text
//! authorize(...)      -> limit, launch
//! Opened(...)         -> say, address, wait
//! Requested(start)    -> answer: on to the provider
//! Requested(redirect) -> reply: redirected
//! close(...)          -> answer: on to the last page, limit
//! Requested(end)      -> answer: the last page, finish
//! ```

mod binding;
#[cfg(test)]
mod tests;
mod texts;

use binding::{Binding, Passage, Secrets, start_query};
pub use texts::sentence;
use texts::{choices, in_words, named, paste};

use crate::contract::{self, Authorization, Confirmation, DevicePrompt, LoginFlow, Offer, Visit};
use crate::egress::Egress;
use crate::error::{Error, printable};
use crate::listener::{END_ADDRESS, Peer};
use crate::pages::{Page, Pages};

/// How long to wait for a browser that keeps its connection open without a request, or that
/// requests the last page on a new connection. In milliseconds.
const LAST_PAGE_MS: u64 = 2_000;

/// What a host has to reach the user with.
pub struct Means {
    /// The listener's redirect URI, with its port. `None` if no browser can come back,
    /// because every port was taken or none is needed.
    pub redirect_uri: Option<String>,
    /// Whether a browser is started. If not, the user opens the address by hand.
    pub has_browser: bool,
    /// Whether that browser may run on another machine, as an editor's does: then it may
    /// not reach the listener.
    pub browser_is_elsewhere: bool,
    /// Whether a user can read messages and answer.
    pub is_attended: bool,
    /// Whether the terminal can hide what is typed.
    pub hides_typing: bool,
}

/// What happened.
pub enum Event {
    /// A request came to the listener.
    Requested(Request),
    /// The answer to this request was written and its connection is closed, or it cannot
    /// be written.
    Closed(u32),
    /// A browser was started as the last command said, or could not be, for this reason.
    Opened(Result<Opened, String>),
    /// The browser that was started has failed, for this reason.
    BrowserFailed(String),
    /// The user typed a line.
    Typed(String),
    /// The time limit is over.
    TimedOut,
}

/// A request that could be the redirect, or one to the listener's own addresses.
pub struct Request {
    /// A number that the host gave it.
    pub id: u32,
    /// The path and query as sent.
    pub target: String,
    /// The `Cookie` headers joined with `; `; empty if there are none.
    pub cookies: String,
    /// The user whose browser sent it.
    pub peer: Peer,
    /// Whether the browser can send its next request on the same connection.
    pub keeps_connection: bool,
}

/// How a browser was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// On the address.
    Address,
    /// On a private file that leads to the address.
    File,
    /// It was not: the user opens the address by hand, in a browser of this machine.
    ByHand,
}

/// What the host does.
pub enum Command {
    /// Shows lines of text to the user. The end of the last line may be left out.
    Say(String),
    /// Shows an address on a line of its own, never cut off.
    Address(String),
    /// Shows an address as a QR code, if the terminal can.
    Draw(String),
    /// Shows, until the next text, that the login waits for this.
    Wait(&'static str),
    /// While the session polls, shows what the user is to do elsewhere, and the time left
    /// until `end_ms` in milliseconds since the epoch.
    Countdown {
        /// What the user is to do.
        what: &'static str,
        /// When it is too late.
        end_ms: u64,
    },
    /// Starts the browser on an address of this login, which other users must not learn:
    /// where they could, on a private file instead. The next event is
    /// [`Event::Opened`].
    Launch(String),
    /// Starts the browser on a page that nothing comes back from. The next event is
    /// [`Event::Opened`].
    Open(String),
    /// The launched address is not needed any longer: deletes its private file.
    EndLaunch,
    /// Answers a request, without waiting until the browser has read it.
    Answer {
        /// The request's number.
        request: u32,
        /// The response.
        page: Page,
    },
    /// Asks the user for a line, in place of an earlier question. `question` may be empty.
    Ask {
        /// The question.
        question: String,
        /// Whether typing is not shown, from before the question appears.
        is_hidden: bool,
    },
    /// Sets the time limit, in milliseconds from now.
    Limit(u64),
    /// Withdraws the question and the time limit, and replies to the session.
    Reply(Reply),
    /// Passes on the requests that have come already, and ends when all answers have been
    /// written.
    Finish,
}

/// What came of an action of the session that needs the user.
#[derive(PartialEq, Eq)]
pub enum Reply {
    /// The redirect came: its path and query, as sent.
    Redirected(String),
    /// The user pasted this.
    Pasted(String),
    /// The code or the page was shown.
    Presented,
    /// The user chose this flow.
    Chosen(LoginFlow),
    /// The user was told who will ask for the password, and consented if that was asked.
    Confirmed,
    /// The user does not want to go on.
    Cancelled,
    /// The time limit is over.
    TimedOut,
}

impl From<Reply> for contract::Reply {
    fn from(reply: Reply) -> Self {
        match reply {
            Reply::Redirected(target) => Self::Redirected(target),
            Reply::Pasted(text) => Self::Pasted(text),
            Reply::Presented => Self::Presented,
            Reply::Chosen(flow) => Self::Chosen(flow),
            Reply::Confirmed => Self::Confirmed,
            Reply::Cancelled => Self::Cancelled,
            Reply::TimedOut => Self::TimedOut,
        }
    }
}

/// One login, as far as the user and the browser see it.
pub struct Interaction {
    means: Means,
    pages: Pages,
    secrets: Secrets,
    stage: Stage,
    /// Ties the login to the browser that was started; `None` if none was.
    binding: Option<Binding>,
    /// The authorization URL that was shown.
    shown: Option<String>,
    /// Whether the user is asked to paste the address the browser ends on.
    asks: bool,
    /// Whether two browsers used the opened address.
    is_taken: bool,
    /// Whether the user was told that another user's browser was refused.
    has_told_of_others: bool,
    /// The request that waits for its page.
    waiting: Option<Request>,
    commands: Vec<Command>,
}

/// What the login waits for.
enum Stage {
    /// The session.
    Session,
    /// A browser that starts, for `opening`.
    Opening { opening: Opening, asked: Asked },
    /// The redirect or a pasted address.
    Redirect(Asked),
    /// The user's choice of another flow. Never empty.
    Choice(LoginFlow, Vec<LoginFlow>),
    /// The user's consent to log in at this issuer.
    Consent,
    /// The browser that was sent to the last page.
    LastPage { page: Page, redirect: Request },
    /// Nothing: the login has ended.
    Ended(Page),
}

/// What a browser is started for.
enum Opening {
    /// The login at this authorization URL.
    Login(String),
    /// The same login at a new address.
    Again,
    /// A page that nothing comes back from.
    Page(String),
}

/// How the user is asked to paste an address.
#[derive(Default)]
struct Asked {
    question: String,
    /// Flows that may be typed instead.
    alternatives: Vec<LoginFlow>,
}

impl Interaction {
    /// Begins a login. `seed` has 32 bytes from a cryptographically secure random source.
    pub fn new(means: Means, pages: Pages, seed: [u8; 32]) -> Self {
        Self {
            means,
            pages,
            secrets: Secrets::new(seed),
            stage: Stage::Session,
            binding: None,
            shown: None,
            asks: false,
            is_taken: false,
            has_told_of_others: false,
            waiting: None,
            commands: Vec::new(),
        }
    }

    /// Sends the user to the provider. The reply is the redirect, a pasted address or the
    /// user's choice of another flow.
    ///
    /// # Errors
    ///
    /// Returns `egress-denied` if the URL may not be opened.
    pub fn authorize(
        &mut self,
        egress: &Egress,
        authorization: Authorization,
    ) -> Result<Vec<Command>, Error> {
        let Authorization { url, flow, reason, wait_ms, notice, alternatives } = authorization;
        let address = String::from(egress.permit_authorization(&url)?);
        let is_new = self.shown.as_ref() != Some(&url);
        let is_sent_on = self.go_on(&address, notice.as_deref(), is_new);
        self.shown = Some(url);
        self.tell(Command::Limit(wait_ms));
        let question = paste(notice.is_some(), self.means.hides_typing, &alternatives);
        let asked = Asked { question, alternatives };
        if !is_new || is_sent_on {
            self.wait_for_redirect(asked);
        } else if flow == LoginFlow::Paste {
            if let Some(reason) = reason {
                self.say_sentence(&reason);
            }
            self.show(&address);
            self.asks = true;
            self.wait_for_redirect(asked);
        } else {
            self.start_browser(address, asked);
        }
        Ok(self.commands())
    }

    /// Shows the address and the code for a login on another device. The code is always
    /// shown: a QR code or an address that contains the code could be another user's
    /// ([RFC 8628 §3.3.1](https://www.rfc-editor.org/rfc/rfc8628#section-3.3.1)).
    ///
    /// # Errors
    ///
    /// Returns `egress-denied` if an address may not be opened.
    pub fn present(
        &mut self,
        egress: &Egress,
        prompt: &DevicePrompt,
    ) -> Result<Vec<Command>, Error> {
        let address = String::from(egress.permit_page(&prompt.verification_uri)?);
        let complete = prompt.verification_uri_complete.as_deref();
        let complete = complete.map(|url| egress.permit_page(url)).transpose()?.map(String::from);
        let what = "waiting for you to enter the code";
        self.tell(Command::Countdown { what, end_ms: prompt.expires_at_ms });
        self.tell(Command::Draw(complete.as_ref().unwrap_or(&address).clone()));
        self.say(texts::ANY_DEVICE);
        self.tell(Command::Address(address));
        self.say(format!("\nand enter this code:\n\n    {}\n\n", printable(&prompt.user_code)));
        if let Some(complete) = complete {
            self.say("Or open this address, which contains the code:\n\n");
            self.tell(Command::Address(complete));
            self.say("\n");
        }
        self.say("Only enter a code if you started this login yourself.\n");
        self.reply(Reply::Presented);
        Ok(self.commands())
    }

    /// Shows the user a page that nothing comes back from.
    ///
    /// # Errors
    ///
    /// Returns `egress-denied` if the page may not be opened.
    pub fn visit(&mut self, egress: &Egress, visit: &Visit) -> Result<Vec<Command>, Error> {
        let address = String::from(egress.permit_page(&visit.url)?);
        let what = "waiting for you to confirm the login";
        self.tell(Command::Countdown { what, end_ms: visit.expires_at_ms });
        if visit.opens && self.means.has_browser {
            self.tell(Command::Open(address.clone()));
            self.stage =
                Stage::Opening { opening: Opening::Page(address), asked: Asked::default() };
        } else {
            self.tell(Command::Draw(address.clone()));
            self.say(texts::ANY_DEVICE);
            self.show_page(address);
        }
        Ok(self.commands())
    }

    /// Tells the user who will ask for the password, and asks for consent if the session
    /// wants it and a user can answer.
    pub fn confirm(&mut self, confirmation: &Confirmation) -> Vec<Command> {
        self.say(texts::issuer(confirmation));
        if confirmation.asks && self.means.is_attended {
            self.tell(Command::Limit(confirmation.wait_ms));
            self.stage = Stage::Consent;
            self.ask(texts::CONSENT.to_owned(), false);
        } else {
            self.reply(Reply::Confirmed);
        }
        self.commands()
    }

    /// Asks the user how to go on. Requests that come meanwhile get the page for an
    /// abandoned login.
    ///
    /// # Errors
    ///
    /// Returns `sandbox-fault` if there is nothing to choose from.
    pub fn offer(&mut self, offer: Offer) -> Result<Vec<Command>, Error> {
        let Offer { reason, flows, wait_ms } = offer;
        let Some(first) = flows.first().copied() else {
            return Err(Error::misbehaviour("offered an empty choice"));
        };
        self.binding = None;
        self.shown = None;
        self.is_taken = false;
        if let Some(request) = self.waiting.take() {
            self.answer(request.id, self.pages.abandoned());
        }
        self.tell(Command::EndLaunch);
        self.say_sentence(&reason);
        self.tell(Command::Limit(wait_ms));
        self.stage = Stage::Choice(first, flows);
        self.ask_choice();
        Ok(self.commands())
    }

    /// Takes what happened.
    pub fn handle(&mut self, event: Event) -> Vec<Command> {
        match event {
            Event::Requested(request) => self.admit(request),
            Event::Opened(result) => self.opened(result),
            Event::Typed(text) => self.typed(text),
            Event::BrowserFailed(reason) => self.browser_failed(&reason),
            Event::Closed(request) => self.closed(request),
            Event::TimedOut => match &self.stage {
                Stage::Redirect(_) | Stage::Choice(..) | Stage::Consent => {
                    self.reply(Reply::TimedOut);
                }
                Stage::LastPage { .. } => self.finish(),
                _ => {}
            },
        }
        self.commands()
    }

    /// Shows the waiting browser how the login ended: redirects it to the last page, whose
    /// address has no code, so that the code stays out of the browser's history.
    pub fn close(&mut self, error: Option<&Error>) -> Vec<Command> {
        let page = match error {
            None => self.pages.success(),
            Some(error) => self.pages.ended(error),
        };
        self.tell(Command::EndLaunch);
        match self.waiting.take() {
            Some(redirect) => {
                self.answer(redirect.id, self.to_last_page());
                self.tell(Command::Limit(LAST_PAGE_MS));
                self.stage = Stage::LastPage { page, redirect };
            }
            None => {
                self.stage = Stage::Ended(page);
                self.tell(Command::Finish);
            }
        }
        self.commands()
    }

    /// Says why the last answer did not count, or why the address is new. Returns whether
    /// the browser that came back last was sent on to the new address, in the same tab.
    fn go_on(&mut self, address: &str, notice: Option<&str>, is_new: bool) -> bool {
        match (self.waiting.take(), notice) {
            (Some(request), notice) if is_new => {
                self.say_sentence(notice.unwrap_or(texts::ANOTHER_ADDRESS));
                if let Some(binding) = &mut self.binding {
                    binding.go_on_to(address);
                }
                self.answer(request.id, Page::forward(address, None));
                return true;
            }
            (Some(request), Some(notice)) => self.answer(request.id, self.pages.stray(notice)),
            (Some(request), None) => self.answer(request.id, self.pages.abandoned()),
            (None, Some(notice)) if is_new => self.say_sentence(notice),
            // The pasted text was not the answer, and the user is at the terminal.
            (None, Some(notice)) => {
                self.say(format!("That does not finish the login: {}", printable(notice)));
            }
            (None, None) => {}
        }
        false
    }

    /// Starts the browser or shows the address.
    fn start_browser(&mut self, address: String, asked: Asked) {
        match &self.means.redirect_uri {
            Some(redirect_uri) if self.means.has_browser => {
                let binding = Binding::new(&mut self.secrets, redirect_uri, &address);
                self.commands.push(Command::Launch(binding.opened_address()));
                self.binding = Some(binding);
                self.stage = Stage::Opening { opening: Opening::Login(address), asked };
            }
            _ => {
                self.show(&address);
                // Without a browser to start, the user was expected to open the address
                // anyway.
                let is_stuck = self.means.has_browser || self.means.browser_is_elsewhere;
                self.asks = is_stuck && self.means.is_attended;
                self.wait_for_redirect(asked);
            }
        }
    }

    fn opened(&mut self, result: Result<Opened, String>) {
        let (opening, asked) = match std::mem::replace(&mut self.stage, Stage::Session) {
            Stage::Opening { opening, asked } => (opening, asked),
            stage => {
                self.stage = stage;
                return;
            }
        };
        if let Err(reason) = &result {
            self.say(format!("No browser could be started ({}).", printable(reason)));
        }
        match (opening, result) {
            (Opening::Login(address), Ok(opened)) => {
                self.say(texts::invitation(opened));
                let printed = self.binding.as_ref().map(Binding::printed_address);
                self.tell(Command::Address(printed.unwrap_or(address)));
                self.asks = self.means.browser_is_elsewhere && self.means.is_attended;
                self.wait_for_redirect(asked);
            }
            (Opening::Login(address), Err(_)) => {
                self.binding = None;
                self.show(&address);
                self.asks = self.means.is_attended;
                self.wait_for_redirect(asked);
            }
            (Opening::Again, _) => self.wait_for_redirect(asked),
            (Opening::Page(address), result) => {
                self.say(result.map_or(texts::ANY_DEVICE, texts::invitation));
                self.show_page(address);
            }
        }
    }

    /// Waits for the redirect from now on. A question of before is asked again.
    fn wait_for_redirect(&mut self, asked: Asked) {
        self.stage = Stage::Redirect(asked);
        if self.asks {
            self.ask_to_paste();
        } else {
            self.wait_on();
            if self.is_taken {
                self.ask(String::new(), false);
            }
        }
    }

    fn typed(&mut self, text: String) {
        match &mut self.stage {
            // One keyboard answers both questions, so an empty line is Enter.
            Stage::Redirect(asked) if self.is_taken && (!self.asks || text.trim().is_empty()) => {
                let asked = std::mem::take(asked);
                self.open_again(asked);
            }
            Stage::Redirect(asked) => {
                let chosen = named(&asked.alternatives, &text);
                self.reply(chosen.map_or(Reply::Pasted(text), Reply::Chosen));
            }
            Stage::Choice(first, flows) => {
                let default = text.trim().is_empty().then_some(*first);
                match named(flows, &text).or(default) {
                    Some(flow) => self.reply(Reply::Chosen(flow)),
                    None => self.ask_choice(),
                }
            }
            Stage::Consent if text.trim().is_empty() => self.reply(Reply::Confirmed),
            Stage::Consent => self.reply(Reply::Cancelled),
            _ => {}
        }
    }

    /// Opens the browser at a new one-time address.
    fn open_again(&mut self, asked: Asked) {
        self.is_taken = false;
        match &mut self.binding {
            Some(binding) => {
                binding.renew(&mut self.secrets);
                self.commands.push(Command::Launch(binding.opened_address()));
                self.stage = Stage::Opening { opening: Opening::Again, asked };
            }
            None => self.wait_for_redirect(asked),
        }
    }

    fn browser_failed(&mut self, reason: &str) {
        if !matches!(self.stage, Stage::Redirect(_)) {
            return;
        }
        let reason = printable(reason);
        self.tell(Command::EndLaunch);
        self.say(format!("The browser failed ({reason}). Open the address above."));
        if self.means.is_attended && !std::mem::replace(&mut self.asks, true) {
            self.ask_to_paste();
        }
    }

    /// Answers a request, or keeps it until the session has taken the redirect.
    fn admit(&mut self, request: Request) {
        match &self.stage {
            Stage::Redirect(_) | Stage::Opening { .. } => self.admit_redirect(request),
            Stage::Session | Stage::Choice(..) | Stage::Consent => {
                self.answer(request.id, self.pages.abandoned())
            }
            Stage::LastPage { page, redirect } => {
                let is_last = request.target == END_ADDRESS && !request.peer.is_refused();
                let target = Some(&*redirect.target);
                self.answer(request.id, self.last_page(page, &request, target));
                if is_last {
                    self.finish();
                }
            }
            Stage::Ended(page) => self.answer(request.id, self.last_page(page, &request, None)),
        }
    }

    fn admit_redirect(&mut self, request: Request) {
        // Check this before anything else: a refused request must not use up a ticket.
        if request.peer.is_refused() {
            self.answer(request.id, self.pages.another_user());
            if !std::mem::replace(&mut self.has_told_of_others, true) {
                self.say(texts::ANOTHER_USER);
                self.wait_on();
            }
            return;
        }
        let passage = match &mut self.binding {
            Some(binding) => binding.judge(&request.target, &request.cookies, &mut self.secrets),
            None if start_query(&request.target).is_some() => Passage::UsedAddress,
            None => Passage::Redirect,
        };
        match passage {
            Passage::Redirect => {
                let target = request.target.clone();
                self.waiting = Some(request);
                self.reply(Reply::Redirected(target));
            }
            Passage::On(page) => self.answer(request.id, page),
            Passage::UsedAddress => self.answer(request.id, self.pages.used_address()),
            Passage::AnotherBrowser => {
                self.answer(request.id, self.pages.another_browser());
                if !self.asks && self.means.is_attended {
                    self.say(texts::ANOTHER_BROWSER);
                    self.asks = true;
                    self.ask_to_paste();
                }
            }
            Passage::Taken => {
                self.answer(request.id, self.pages.used_address());
                self.is_taken = true;
                self.say(texts::TAKEN);
                // Whoever is asked to paste answers with an empty line.
                if !self.asks {
                    self.ask(String::new(), false);
                }
            }
        }
    }

    /// Returns the response to a request that comes when the login has ended. `redirect` is
    /// the target of the redirect: sent twice, it is answered twice.
    fn last_page(&self, page: &Page, request: &Request, redirect: Option<&str>) -> Page {
        match request.target.as_str() {
            _ if request.peer.is_refused() => self.pages.another_user(),
            END_ADDRESS => page.clone(),
            target if redirect == Some(target) => self.to_last_page(),
            _ => self.pages.finished(),
        }
    }

    fn to_last_page(&self) -> Page {
        Page::forward(END_ADDRESS, self.binding.as_ref().map(Binding::goodbye))
    }

    /// A browser that closes the connection on which it could have requested the last page
    /// does not request it.
    fn closed(&mut self, request: u32) {
        if let Stage::LastPage { redirect, .. } = &self.stage
            && redirect.id == request
            && redirect.keeps_connection
        {
            self.finish();
        }
    }

    fn finish(&mut self) {
        if let Stage::LastPage { page, .. } = &self.stage {
            self.stage = Stage::Ended(page.clone());
            self.tell(Command::Finish);
        }
    }

    fn ask_choice(&mut self) {
        let Stage::Choice(first, flows) = &self.stage else { return };
        let question = format!("Press Enter to {}.{}", in_words(*first), choices(&flows[1..]));
        self.ask(question, false);
    }

    fn ask_to_paste(&mut self) {
        if let Stage::Redirect(asked) = &self.stage {
            self.ask(asked.question.clone(), true);
        }
    }

    fn show(&mut self, address: &str) {
        self.say("To log in, open:\n\n");
        self.tell(Command::Address(address.to_owned()));
    }

    fn show_page(&mut self, address: String) {
        self.tell(Command::Address(address));
        self.say("\nOnly confirm the login if you started it yourself.\n");
        self.reply(Reply::Presented);
    }

    /// Shows that the login waits, also after another message was shown.
    fn wait_on(&mut self) {
        if !self.asks {
            self.tell(Command::Wait("waiting for the login in the browser"));
        }
    }

    /// Shows a phrase of the component as a sentence.
    fn say_sentence(&mut self, phrase: &str) {
        self.say(sentence(phrase));
    }

    fn say(&mut self, text: impl Into<String>) {
        self.tell(Command::Say(text.into()));
    }

    fn ask(&mut self, question: String, is_hidden: bool) {
        self.tell(Command::Ask { question, is_hidden });
    }

    fn answer(&mut self, request: u32, page: Page) {
        self.tell(Command::Answer { request, page });
    }

    fn reply(&mut self, reply: Reply) {
        self.stage = Stage::Session;
        self.tell(Command::Reply(reply));
    }

    fn tell(&mut self, command: Command) {
        self.commands.push(command);
    }

    fn commands(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.commands)
    }
}
