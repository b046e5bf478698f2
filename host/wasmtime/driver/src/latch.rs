//! A client of one provider, and what the command line does with it.

use std::sync::Arc;
use std::time::Duration;

use crate::budget::Budget;
use crate::capability::browser::Reader;
use crate::capability::clock::{Clock as _, SystemClock};
use crate::capability::entropy::{Entropy as _, SystemEntropy};
use crate::capability::http::WasiHttp;
use crate::capability::loopback::{self, Redirect};
use crate::capability::store::{Key, Store};
use crate::capability::terminal::{StderrTerminal, Terminal as _};
use crate::contract::{
    Client, Context, Demand, Description, Facts, LoginFlow, LoginRequest, LogoutReport, Outcome,
};
use crate::drive::{Drive, placed, read};
use crate::egress::Egress;
use crate::error::{Code, Error};
use crate::pages::Pages;
use crate::sandbox::{Instance, Session};
use crate::token::Token;
use crate::user::{User, Ways};
use latchstring_core::session::Envelope;

/// A client of one provider.
pub struct Latch {
    pub(crate) client: Client,
    pub(crate) key: Key,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) terminal: Arc<StderrTerminal>,
}

/// How a login goes about it.
pub(crate) struct Manner {
    pub(crate) redirect: Redirect,
    pub(crate) patience: Option<Duration>,
    pub(crate) flow: Option<LoginFlow>,
    pub(crate) facts: Facts,
    /// Whether the local address is printed, which ties the login to the browser
    /// that opens it; else the provider's own.
    pub(crate) binds_browser: bool,
    pub(crate) draws_qr: bool,
    pub(crate) pages: Pages,
}

impl Latch {
    /// Logs a person in and keeps the session. What is stored and cannot be read is
    /// set aside, not deleted.
    pub(crate) async fn login(&self, manner: &Manner) -> Result<Token, Error> {
        match self.log_in(manner).await {
            Err(error) if error.code() == Code::StoredDamaged => {
                self.set_aside(&error).await?;
                self.log_in(manner).await
            }
            result => result,
        }
    }

    async fn log_in(&self, manner: &Manner) -> Result<Token, Error> {
        let stored = self.read().await?;
        let Manner { redirect, facts, pages, .. } = manner;
        let mut flow = manner.flow;
        let listener = match flow {
            Some(LoginFlow::Device) => None,
            _ => match loopback::bind(redirect, pages).await {
                Ok(listener) => Some(listener),
                // No browser can come back here, so the person brings its answer.
                Err(error)
                    if error.code() == Code::PortInUse
                        && flow != Some(LoginFlow::Browser)
                        && facts.terminal =>
                {
                    self.terminal.say(&error.to_string());
                    flow = Some(LoginFlow::Paste);
                    None
                }
                Err(error) => return Err(error),
            },
        };
        let redirect_uri = listener.as_ref().map(|listener| listener.redirect_uri().to_owned());
        let request = LoginRequest {
            flow,
            facts: *facts,
            redirect_uri: redirect_uri.unwrap_or_else(|| redirect.first_uri()),
            anonymous_refresh_token: None,
            patience_ms: manner
                .patience
                .map(|patience| u64::try_from(patience.as_millis()).unwrap_or(u64::MAX)),
        };
        let session = Instance
            .login(&self.client, bytes(&stored), &request, &context()?)
            .map_err(|error| self.placed(error))?;
        // What an earlier login pinned says nothing about this one.
        let egress = Egress::new(&self.client, &[]).coming_back_to(&request.redirect_uri);
        let ways = Ways {
            clock: &SystemClock,
            terminal: self.terminal.as_ref(),
            egress: &egress,
            pages,
            listener,
            browser: if manner.binds_browser { Some(&Reader) } else { None },
            browser_is_elsewhere: false,
            draws_qr: manner.draws_qr,
        };
        let user = User::new(ways, SystemEntropy.draw()?);
        let budget = Budget::of_login(manner.patience);
        self.drive(session, &egress, budget, Some(user)).await.and_then(granted)
    }

    /// An access token that meets `demand`: the stored one, or a renewed one. No
    /// other process can be started to renew it: a program that is killed in the
    /// middle of a renewal takes it along.
    pub(crate) async fn token_for(&self, demand: Demand) -> Result<Token, Error> {
        let stored = self.read().await?;
        let session = Instance
            .token(&self.client, bytes(&stored), &demand, &context()?)
            .map_err(|error| self.placed(error))?;
        self.drive(session, &self.egress(&stored), Budget::without_user(), None)
            .await
            .and_then(granted)
    }

    /// Ends the session: revoked at the provider where it can be (RFC 7009),
    /// deleted here in any case.
    pub(crate) async fn logout(&self) -> Result<LogoutReport, Error> {
        let stored = self.read().await?;
        let session = Instance
            .logout(&self.client, bytes(&stored), &context()?)
            .map_err(|error| self.placed(error))?;
        let egress = self.egress(&stored);
        match self.drive(session, &egress, Budget::without_user(), None).await? {
            Outcome::LoggedOut(report) => {
                if let Some(url) = &report.end_session_url {
                    egress.permit_page(url)?;
                }
                Ok(report)
            }
            Outcome::Granted(_) => Err(misfit()),
        }
    }

    /// What is stored, without its secrets; none where nobody is logged in.
    pub(crate) async fn status(&self) -> Result<Option<Description>, Error> {
        describe(self.store.as_ref(), &self.key, SystemClock.now_ms()).await
    }

    async fn drive(
        &self,
        session: Session,
        egress: &Egress,
        budget: Budget,
        user: Option<User<'_>>,
    ) -> Result<Outcome, Error> {
        let drive = Drive {
            clock: &SystemClock,
            http: &WasiHttp,
            terminal: self.terminal.as_ref(),
            store: self.store.as_ref(),
            key: &self.key,
            egress,
            budget,
            user,
        };
        drive.run(&mut Instance, session).await
    }

    /// Makes room for a new session where the stored one cannot be read.
    async fn set_aside(&self, damage: &Error) -> Result<(), Error> {
        let _lock = self.store.lock(&self.key).await?;
        let place = self.store.set_aside(&self.key).await?;
        self.terminal.say(&format!("{}; it is kept as {place}", damage.message()));
        Ok(())
    }

    async fn read(&self) -> Result<Option<Envelope>, Error> {
        read(self.store.as_ref(), &self.key).await
    }

    fn egress(&self, stored: &Option<Envelope>) -> Egress {
        let pinned = stored.as_ref().map_or(&[][..], |envelope| &envelope.origins);
        Egress::new(&self.client, pinned)
    }

    fn placed(&self, error: Error) -> Error {
        placed(error, self.store.as_ref(), &self.key)
    }
}

/// What the session stored under `key` tells without its secrets, whatever client
/// it belongs to; none where nothing is stored.
pub async fn describe(
    store: &dyn Store,
    key: &Key,
    now_ms: u64,
) -> Result<Option<Description>, Error> {
    let Some(envelope) = read(store, key).await? else { return Ok(None) };
    let description = Instance.describe(&envelope.session, now_ms);
    description.map(Some).map_err(|error| placed(error, store, key))
}

fn context() -> Result<Context, Error> {
    Ok(Context { now_ms: SystemClock.now_ms(), entropy: SystemEntropy.draw()?.to_vec() })
}

fn bytes(stored: &Option<Envelope>) -> Option<&[u8]> {
    stored.as_ref().map(|envelope| envelope.session.as_slice())
}

fn granted(outcome: Outcome) -> Result<Token, Error> {
    match outcome {
        Outcome::Granted(grant) => Token::try_from(grant),
        Outcome::LoggedOut(_) => Err(misfit()),
    }
}

fn misfit() -> Error {
    Error::misbehaviour("ended with another outcome than was asked for")
}
