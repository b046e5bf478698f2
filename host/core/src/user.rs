//! Reaches the user of a login: carries out what `interaction` decides, with a browser, a
//! terminal and a loopback listener.

use std::future::{Future, pending, poll_fn, ready};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use crate::capability::browser::{Launched, Launcher};
use crate::capability::clock::Clock;
use crate::capability::listener::{Answer, Listener, Visit};
use crate::capability::terminal::Terminal;
use crate::contract::{self, Authorization, Confirmation, DevicePrompt, Offer};
use crate::egress::Egress;
use crate::error::Error;
use crate::interaction::{Command, Event, Interaction, Means, Opened, Reply, Request};
use crate::pages::{Page, Pages};

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The user's browser, terminal and loopback listener during one login.
pub struct User<'a> {
    clock: &'a dyn Clock,
    terminal: &'a dyn Terminal,
    /// Decides which addresses the user's browser may open.
    egress: &'a Egress,
    listener: Option<Box<dyn Listener>>,
    browser: Option<&'a dyn Launcher>,
    draws_qr: bool,
    interaction: Interaction,
    /// The browser that was started.
    launched: Option<Launched>,
    /// The requests that have no answer yet, by number.
    unanswered: Vec<(u32, Answer)>,
    /// The answers that are being written.
    answers: Vec<(u32, Boxed<'static, ()>)>,
    /// How many requests came.
    requests: u32,
    /// The line that the user is asked for.
    question: Option<Boxed<'a, String>>,
    limit: Option<Boxed<'a, ()>>,
    /// What the user is to do elsewhere, and until when in milliseconds since the epoch.
    elsewhere: Option<(&'static str, u64)>,
}

/// What a login reaches its user with.
pub struct Ways<'a> {
    /// The time.
    pub clock: &'a dyn Clock,
    /// The user's terminal.
    pub terminal: &'a dyn Terminal,
    /// Decides which addresses the user's browser may open.
    pub egress: &'a Egress,
    /// The pages that browsers are shown.
    pub pages: &'a Pages,
    /// The loopback listener; `None` if every port was taken or none is needed.
    pub listener: Option<Box<dyn Listener>>,
    /// The browser to start; `None` if the user opens the address by hand.
    pub browser: Option<&'a dyn Launcher>,
    /// Whether that browser may run on another machine.
    pub browser_is_elsewhere: bool,
    /// Whether addresses are also shown as QR codes.
    pub draws_qr: bool,
}

impl<'a> User<'a> {
    /// Begins a login. `seed` has 32 random bytes for one-time addresses.
    pub fn new(ways: Ways<'a>, seed: [u8; 32]) -> Self {
        let Ways { clock, terminal, egress, pages, listener, browser, .. } = ways;
        let means = Means {
            redirect_uri: listener.as_ref().map(|listener| listener.redirect_uri().to_owned()),
            has_browser: browser.is_some(),
            browser_is_elsewhere: ways.browser_is_elsewhere,
            is_attended: terminal.is_attended(),
            hides_typing: terminal.hides_typing(),
        };
        Self {
            clock,
            terminal,
            egress,
            listener,
            browser,
            draws_qr: ways.draws_qr,
            interaction: Interaction::new(means, pages.clone(), seed),
            launched: None,
            unanswered: Vec::new(),
            answers: Vec::new(),
            requests: 0,
            question: None,
            limit: None,
            elsewhere: None,
        }
    }

    /// Sends the user to the provider and waits for the redirect, a pasted address or the
    /// user's choice of another flow.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Interaction`].
    pub async fn authorize(
        &mut self,
        authorization: Authorization,
    ) -> Result<contract::Reply, Error> {
        let commands = self.interaction.authorize(self.egress, authorization)?;
        Ok(self.reply(commands).await)
    }

    /// Shows the address and the code for a login on another device.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Interaction`].
    pub async fn present(&mut self, prompt: &DevicePrompt) -> Result<contract::Reply, Error> {
        let commands = self.interaction.present(self.egress, prompt)?;
        Ok(self.reply(commands).await)
    }

    /// Shows the user a page that nothing comes back from.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Interaction`].
    pub async fn visit(&mut self, visit: &contract::Visit) -> Result<contract::Reply, Error> {
        let commands = self.interaction.visit(self.egress, visit)?;
        Ok(self.reply(commands).await)
    }

    /// Tells the user who will ask for the password.
    pub async fn confirm(&mut self, confirmation: &Confirmation) -> contract::Reply {
        let commands = self.interaction.confirm(confirmation);
        self.reply(commands).await
    }

    /// Asks the user how to go on.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Interaction`].
    pub async fn offer(&mut self, offer: Offer) -> Result<contract::Reply, Error> {
        let commands = self.interaction.offer(offer)?;
        Ok(self.reply(commands).await)
    }

    /// Waits and shows a countdown every second: the clock may be changed meanwhile.
    pub async fn wait(&mut self, wait_ms: u64) {
        let mut left = Duration::from_millis(wait_ms);
        while !left.is_zero() {
            if let Some((what, end_ms)) = self.elsewhere {
                let left_ms = end_ms.saturating_sub(self.clock.now_ms());
                self.terminal.countdown(what, Duration::from_millis(left_ms));
            }
            let slice = left.min(Duration::from_secs(1));
            self.clock.sleep(slice).await;
            left = left.saturating_sub(slice);
        }
    }

    /// Shows the waiting browsers how the login ended. Returns when their pages were
    /// written.
    pub async fn close(&mut self, error: Option<&Error>) {
        let commands = self.interaction.close(error);
        self.run(commands).await;
        while let Some(visit) = self.already_here().await {
            let event = self.requested(visit);
            for command in self.interaction.handle(event) {
                self.carry_out(command);
            }
        }
        while !self.answers.is_empty() {
            written(&mut self.answers).await;
        }
        if let Some(mut listener) = self.listener.take() {
            listener.close().await;
        }
    }

    /// Carries out commands, and those that follow from what happens, up to the reply.
    async fn reply(&mut self, commands: Vec<Command>) -> contract::Reply {
        // OK because only the commands of `close` end without a reply.
        self.run(commands).await.expect("a reply").into()
    }

    /// Carries out commands, and those that follow from what happens. Returns the reply, or
    /// `None` if the login has ended.
    async fn run(&mut self, mut commands: Vec<Command>) -> Option<Reply> {
        loop {
            let mut opened = None;
            for command in commands {
                match command {
                    Command::Reply(reply) => {
                        self.question = None;
                        self.limit = None;
                        return Some(reply);
                    }
                    Command::Finish => return None,
                    Command::Launch(address) => opened = Some(self.launch(&address)),
                    Command::Open(address) => opened = Some(self.open(&address)),
                    command => self.carry_out(command),
                }
            }
            let event = match opened {
                Some(opened) => Event::Opened(opened.map_err(|error| error.to_string())),
                None => self.event().await,
            };
            commands = self.interaction.handle(event);
        }
    }

    /// Carries out a command that has no result.
    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Say(text) => self.terminal.say(&text),
            Command::Address(url) => self.terminal.address(&url),
            Command::Draw(url) => self.draw(&url),
            Command::Wait(what) => self.terminal.wait(what),
            Command::Countdown { what, end_ms } => self.elsewhere = Some((what, end_ms)),
            Command::EndLaunch => self.launched = None,
            Command::Answer { request, page } => self.answer(request, page),
            Command::Ask { question, is_hidden } => {
                let terminal = self.terminal;
                // The keyboard has one question at a time.
                self.question = None;
                self.question =
                    Some(Box::pin(async move { terminal.ask(&question, is_hidden).await }));
            }
            Command::Limit(limit_ms) => {
                self.limit = Some(self.clock.sleep(Duration::from_millis(limit_ms)));
            }
            Command::Launch(_) | Command::Open(_) | Command::Reply(_) | Command::Finish => {}
        }
    }

    /// Waits until something happens.
    async fn event(&mut self) -> Event {
        let Self { listener, answers, question, limit, browser, launched, .. } = self;
        let visit = tokio::select! {
            request = written(answers) => return Event::Closed(request),
            visit = next_visit(listener) => visit,
            text = answered(question) => return Event::Typed(text),
            error = failure(*browser), if launched.is_some() => {
                return Event::BrowserFailed(error.to_string());
            }
            () = answered(limit) => return Event::TimedOut,
        };
        self.requested(visit)
    }

    fn requested(&mut self, visit: Visit) -> Event {
        let Visit { target, cookies, peer, keeps_connection, answer } = visit;
        let id = self.requests;
        self.requests += 1;
        self.unanswered.push((id, answer));
        Event::Requested(Request { id, target, cookies, peer, keeps_connection })
    }

    fn answer(&mut self, request: u32, page: Page) {
        if let Some(at) = self.unanswered.iter().position(|(id, _)| *id == request) {
            let (_, answer) = self.unanswered.swap_remove(at);
            self.answers.push((request, Box::pin(answer.send(page))));
        }
    }

    /// Starts the browser on a local address that other users must not learn.
    fn launch(&mut self, address: &str) -> Result<Opened, Error> {
        self.launched = None;
        let (Some(browser), Some(listener)) = (self.browser, &self.listener) else {
            return Ok(Opened::ByHand);
        };
        let launched = browser.launch(address, listener.tells_peers())?;
        Ok(self.launched.insert(launched).opened)
    }

    fn open(&self, address: &str) -> Result<Opened, Error> {
        match self.browser {
            Some(browser) => browser.open(address),
            None => Ok(Opened::ByHand),
        }
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

    /// Returns a request that is already there, or `None`.
    async fn already_here(&mut self) -> Option<Visit> {
        tokio::select! {
            biased;
            visit = next_visit(&mut self.listener) => Some(visit),
            () = ready(()) => None,
        }
    }
}

/// Returns the number of the next request whose answer was written. Waits forever if there
/// is none.
async fn written(answers: &mut Vec<(u32, Boxed<'static, ()>)>) -> u32 {
    poll_fn(|context| {
        let is_written =
            |(_, answer): &mut (u32, Boxed<'static, ()>)| answer.as_mut().poll(context).is_ready();
        match answers.iter_mut().position(is_written) {
            Some(at) => Poll::Ready(answers.swap_remove(at).0),
            None => Poll::Pending,
        }
    })
    .await
}

/// Returns what a future gives, and removes the future. Waits forever if there is none.
async fn answered<T>(future: &mut Option<Boxed<'_, T>>) -> T {
    let Some(given) = future else { return pending().await };
    let value = given.await;
    *future = None;
    value
}

/// Returns the error of the browser that was started. Waits forever if there is none.
async fn failure(browser: Option<&dyn Launcher>) -> Error {
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
