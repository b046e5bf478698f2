//! A client of one provider, and what a program does with it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::capability::browser::Browser;
use crate::capability::clock::Clock;
use crate::capability::entropy::Entropy;
use crate::capability::http::Http;
use crate::capability::loopback::{Loopback, Redirect};
use crate::capability::store::{Key, Store};
use crate::capability::terminal::Terminal;
use crate::contract::{
    Client, Context, Demand, Description, LoginRequest, LogoutReport, Outcome, Parameter,
};
use crate::drive::{Door, Drive, placed, read};
use crate::egress::Egress;
use crate::envelope::Envelope;
use crate::error::{Code, Error};
use crate::sandbox::{Instance, Sandbox, Session};
use crate::token::Token;

/// A client of one provider.
pub struct Latch {
    client: Client,
    key: Key,
    parts: Parts,
    sandbox: &'static Sandbox,
    /// The instance that computed the key, for whoever comes first: a process
    /// that asks for one token pays for one instance.
    spare: Mutex<Option<Instance>>,
}

/// Everything but the client itself.
pub(crate) struct Parts {
    pub(crate) profile: String,
    pub(crate) account: Option<String>,
    pub(crate) redirect: Redirect,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) patience: Duration,
    pub(crate) browser: Option<Arc<dyn Browser>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) http: Arc<dyn Http>,
    pub(crate) loopback: Arc<dyn Loopback>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) terminal: Arc<dyn Terminal>,
}

impl Latch {
    pub(crate) fn new(client: Client, parts: Parts) -> Result<Self, Error> {
        let sandbox = Sandbox::load()?;
        let mut instance = sandbox.instantiate()?;
        let account = match &parts.account {
            Some(account) => account.clone(),
            None => instance.account_key(&client)?,
        };
        let key = Key { profile: parts.profile.clone(), account };
        Ok(Self { client, key, parts, sandbox, spare: Mutex::new(Some(instance)) })
    }

    /// Logs a person in through a browser and keeps the session.
    ///
    /// Fails with `access-denied`, `timed-out`, `port-in-use`, and whatever a
    /// provider, a network or a store may do; a store that cannot keep the
    /// session fails it before anybody is asked to log in.
    pub async fn login(&self) -> Result<Token, Error> {
        let stored = self.read().await?;
        // Before the person is asked: a session that cannot be kept helps nobody.
        self.parts.store.probe(&self.key).await?;
        let listener = self.parts.loopback.bind(&self.parts.redirect).await?;
        let request = LoginRequest {
            redirect_uri: listener.redirect_uri().to_owned(),
            parameters: self.parts.parameters.clone(),
            patience_ms: u64::try_from(self.parts.patience.as_millis()).unwrap_or(u64::MAX),
        };
        let context = self.context()?;
        let mut instance = self.instance()?;
        let session = instance
            .login(&self.client, bytes(&stored), &request, &context)
            .map_err(|error| self.placed(error))?;
        // What an earlier login pinned says nothing about this one.
        let egress = Egress::new(&self.client, &[]);
        let browser = self.parts.browser.as_deref();
        let door = Door { listener, browser, shown: None, visit: None };
        self.drive(&mut instance, session, &egress, Some(door)).await.and_then(granted)
    }

    /// An access token that is good for now: the stored one, or a renewed one.
    ///
    /// Never opens a browser. Fails with `login-required` where only a login
    /// can help, and with a retryable error where the network is at fault.
    pub async fn token(&self) -> Result<Token, Error> {
        self.token_for(Demand::default()).await
    }

    /// An access token that meets `demand`.
    pub async fn token_for(&self, demand: Demand) -> Result<Token, Error> {
        let stored = self.read().await?;
        let context = self.context()?;
        let mut instance = self.instance()?;
        let session = instance
            .token(&self.client, bytes(&stored), demand, &context)
            .map_err(|error| self.placed(error))?;
        let egress = self.egress(&stored);
        self.drive(&mut instance, session, &egress, None).await.and_then(granted)
    }

    /// Ends the session: revoked at the provider where it can be (RFC 7009),
    /// deleted here in any case.
    pub async fn logout(&self) -> Result<LogoutReport, Error> {
        let stored = self.read().await?;
        let context = self.context()?;
        let mut instance = self.instance()?;
        let session = instance
            .logout(&self.client, bytes(&stored), &context)
            .map_err(|error| self.placed(error))?;
        let egress = self.egress(&stored);
        match self.drive(&mut instance, session, &egress, None).await? {
            Outcome::LoggedOut(report) => Ok(report),
            Outcome::Granted(_) => Err(misfit()),
        }
    }

    /// What is stored, without its secrets; none where nobody is logged in.
    /// Asks nobody.
    pub async fn status(&self) -> Result<Option<Description>, Error> {
        let Some(envelope) = self.read().await? else { return Ok(None) };
        let mut instance = self.instance()?;
        instance
            .describe(&envelope.session, self.parts.clock.now_ms())
            .map(Some)
            .map_err(|error| self.placed(error))
    }

    /// What the session is stored under.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Where the session is stored, for people.
    pub fn place(&self) -> String {
        self.parts.store.place(&self.key)
    }

    async fn drive(
        &self,
        instance: &mut Instance,
        session: Session,
        egress: &Egress,
        door: Option<Door<'_>>,
    ) -> Result<Outcome, Error> {
        let parts = &self.parts;
        let drive = Drive {
            clock: parts.clock.as_ref(),
            http: parts.http.as_ref(),
            terminal: parts.terminal.as_ref(),
            store: parts.store.as_ref(),
            key: &self.key,
            egress,
            door,
        };
        drive.run(instance, session).await
    }

    /// An instance of its own for every session: none waits for, or shares
    /// anything with, another.
    fn instance(&self) -> Result<Instance, Error> {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).take();
        spare.map_or_else(|| self.sandbox.instantiate(), Ok)
    }

    async fn read(&self) -> Result<Option<Envelope>, Error> {
        read(self.parts.store.as_ref(), &self.key).await
    }

    fn egress(&self, stored: &Option<Envelope>) -> Egress {
        let pinned = stored.as_ref().map_or(&[][..], |envelope| &envelope.origins);
        Egress::new(&self.client, pinned)
    }

    fn context(&self) -> Result<Context, Error> {
        Ok(Context {
            now_ms: self.parts.clock.now_ms(),
            entropy: self.parts.entropy.draw()?.to_vec(),
        })
    }

    fn placed(&self, error: Error) -> Error {
        placed(error, self.parts.store.as_ref(), &self.key)
    }
}

/// What the session stored under `key` tells without its secrets, whatever
/// client it belongs to; none where nothing is stored.
pub async fn describe(
    store: &dyn Store,
    key: &Key,
    now_ms: u64,
) -> Result<Option<Description>, Error> {
    let Some(envelope) = read(store, key).await? else { return Ok(None) };
    let mut instance = Sandbox::load()?.instantiate()?;
    instance
        .describe(&envelope.session, now_ms)
        .map(Some)
        .map_err(|error| placed(error, store, key))
}

fn bytes(stored: &Option<Envelope>) -> Option<&[u8]> {
    stored.as_ref().map(|envelope| envelope.session.as_slice())
}

fn granted(outcome: Outcome) -> Result<Token, Error> {
    match outcome {
        Outcome::Granted(grant) => Ok(Token::new(grant)),
        Outcome::LoggedOut(_) => Err(misfit()),
    }
}

fn misfit() -> Error {
    Error::new(
        Code::SandboxFault,
        "the login component ended with another outcome than was asked for",
        "report it with the version of this program",
    )
}
