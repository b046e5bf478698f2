//! The host's loop: does what a session asks for, and tells it what came of it.

use std::time::Duration;

use zeroize::Zeroizing;

use crate::capability::browser::Browser;
use crate::capability::clock::Clock;
use crate::capability::http::{Http, Limits, Trouble};
use crate::capability::loopback::{Listener, Visit};
use crate::capability::store::{Key, Lock, Store};
use crate::capability::terminal::Terminal;
use crate::contract::{Action, Authorization, Exchange, Outcome, Purpose, Reply, Unreachable};
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
    pub(crate) listener: Box<dyn Listener>,
    /// None where the person opens the address by themselves.
    pub(crate) browser: Option<&'a dyn Browser>,
    /// The address that was shown.
    pub(crate) shown: Option<String>,
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
        self.terminal.wait(in_words(purpose));
        if wait_ms > 0 {
            self.clock.sleep(Duration::from_millis(wait_ms)).await;
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
        let Authorization { url, wait_ms, notice } = authorization;
        let Some(door) = &mut self.door else {
            return Err(Error::new(
                Code::SandboxFault,
                "the login component asked for a browser outside of a login",
                "report it with the version of this program",
            ));
        };
        if let (Some(visit), Some(notice)) = (door.visit.take(), &notice) {
            visit.answer.send(Page::stray(notice)).await;
        }
        if door.shown.as_ref() != Some(&url) {
            invite(self.terminal, door.browser, &url)?;
            door.shown = Some(url);
        }
        self.terminal.wait("waiting for the login in the browser");
        tokio::select! {
            visit = door.listener.visit() => {
                let target = visit.target.clone();
                door.visit = Some(visit);
                Ok(Reply::Redirected(target))
            }
            () = self.clock.sleep(Duration::from_millis(wait_ms)) => Ok(Reply::TimedOut),
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
            visit = self.listener.visit() => Some(visit),
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

fn invite(terminal: &dyn Terminal, browser: Option<&dyn Browser>, url: &str) -> Result<(), Error> {
    match browser.map(|browser| browser.open(url)) {
        Some(Ok(())) => {
            terminal.say(&format!(
                "Your browser opens to log you in. If it does not, open:\n\n  {url}\n"
            ));
        }
        // An address that no browser may open is not for the person either.
        Some(Err(error)) if error.code() == Code::EgressDenied => return Err(error),
        Some(Err(error)) => {
            terminal.say(&format!("No browser opens ({error}). To log in, open:\n\n  {url}\n"));
        }
        None => {
            crate::capability::browser::browser_url(url)?;
            terminal.say(&format!("To log in, open:\n\n  {url}\n"));
        }
    }
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
    }
}
