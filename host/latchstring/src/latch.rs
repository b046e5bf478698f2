//! [`Latch`]: a client of one provider.

mod adoption;
pub(crate) mod keys;
mod login;
mod replacement;
mod tokens;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use crate::budget::Budget;
use crate::capability::assertions::Assertions;
use crate::capability::browser::Browser;
use crate::capability::clock::Clock;
use crate::capability::entropy::Entropy;
use crate::capability::http::Http;
use crate::capability::loopback::{Loopback, Redirect};
use crate::capability::store::{Key, Store};
use crate::capability::surroundings::Surroundings;
use crate::capability::terminal::Terminal;
use crate::drive::{Drive, placed, read};
use crate::egress::Egress;
use crate::egress::Origins;
use crate::end_session::EndSession;
use crate::error::{Code, Error};
use crate::pages::Pages;
use crate::renewal::Renewal;
use crate::sandbox::Recorder;
use crate::sandbox::{Instance, Sandbox, Session};
use crate::token::Token;
use crate::user::User;
use latchstring_core::capability::decrypter::Decrypter;
use latchstring_core::capability::signer::Signer;
use latchstring_core::contract::{
    Client, Context, Description, Facts, FlowChoice, LoginFlow, LogoutReport, Outcome,
    ProvenRequest, Tokens,
};
use latchstring_core::interaction::sentence;
use latchstring_core::session::Envelope;

pub(crate) use keys::KeyUse;
use keys::signing;

/// A client of one provider. Clones share all state.
///
/// ```
/// use latchstring::capability::store::MemoryStore;
/// use latchstring::{Code, Latch, TokenSource};
///
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/ada.rs"));
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), latchstring::Error> {
/// # let provider = provider();
/// # let issuer = provider.issuer();
/// let latch = Latch::builder(issuer, "demo")
///     .scopes(["openid", "profile", "offline_access"])
///     .store(MemoryStore::default()) // unless set: the keyring, else a private file
///     # .browser(Ada)
///     # .terminal(latchstring::capability::terminal::Silence)
///     .build()?;
///
/// let token = latch.login().await?;
/// assert_eq!(token.claim("name").as_deref(), Some("Ada Lovelace"));
///
/// // Later calls return the same token, or a renewed one, without opening a browser.
/// assert_eq!(latch.token().await?.source(), TokenSource::Cached);
///
/// latch.logout().await?;
/// let error = latch.token().await.expect_err("logged out");
/// assert_eq!(error.code(), Code::LoginRequired);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Latch(Arc<Inner>);

struct Inner {
    /// The settings, in which the keys are only announced: see [`Inner::client`].
    client: Client,
    /// The settings with the keys, once something may have to be signed.
    client_with_keys: OnceCell<Client>,
    key: Key,
    parts: Parts,
    sandbox: &'static Sandbox,
    /// The instance that computed the key, for the first session: a process that asks for
    /// one token needs only one instance.
    spare: Mutex<Option<Instance>>,
}

/// The settings and capabilities of a client.
pub(crate) struct Parts {
    pub(crate) profile: String,
    pub(crate) account: Option<String>,
    pub(crate) redirect: Redirect,
    /// How long the user may take; `None` lets the component decide.
    pub(crate) patience: Option<Duration>,
    pub(crate) flow: Option<LoginFlow>,
    pub(crate) accepted_issuer_host: Option<String>,
    pub(crate) registers_anew: bool,
    pub(crate) initial_access_token: Option<Zeroizing<String>>,
    pub(crate) anonymous_refresh_token: Option<Zeroizing<String>>,
    pub(crate) browser_command: bool,
    pub(crate) draws_qr: bool,
    pub(crate) pages: Pages,
    pub(crate) origins: Origins,
    pub(crate) recorder: Option<Recorder>,
    pub(crate) renewal: Renewal,
    pub(crate) surroundings: Arc<dyn Surroundings>,
    pub(crate) browser: Option<Arc<dyn Browser>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) signer: Option<Arc<dyn Signer>>,
    pub(crate) key_use: KeyUse,
    pub(crate) dpop: Option<Arc<dyn Signer>>,
    pub(crate) decrypter: Option<Arc<dyn Decrypter>>,
    pub(crate) assertions: Option<Arc<dyn Assertions>>,
    pub(crate) http: Arc<dyn Http>,
    pub(crate) loopback: Arc<dyn Loopback>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) terminal: Arc<dyn Terminal>,
}

impl Latch {
    pub(crate) fn new(
        sandbox: &'static Sandbox,
        client: Client,
        parts: Parts,
    ) -> Result<Self, Error> {
        let mut instance = sandbox.instantiate()?;
        let account = match &parts.account {
            Some(account) => account.clone(),
            None => instance.account_key(&client)?,
        };
        if let Some(recorder) = &parts.recorder {
            instance.record(recorder.clone());
        }
        let key = Key { profile: parts.profile.clone(), account };
        if parts.account.is_none() {
            key.check()?;
        }
        let spare = Mutex::new(Some(instance));
        let client_with_keys = OnceCell::new();
        Ok(Self(Arc::new(Inner { client, client_with_keys, key, parts, sandbox, spare })))
    }

    /// Ends the session: revokes its tokens at the provider if possible
    /// ([RFC 7009](https://www.rfc-editor.org/rfc/rfc7009)) and deletes it here.
    ///
    /// # Errors
    ///
    /// Fails if the stored session cannot be read or deleted, and with `egress-denied` if
    /// the provider's end-session page is not on an allowed origin.
    pub async fn logout(&self) -> Result<LogoutReport, Error> {
        self.end(false).await
    }

    /// Ends the session and removes the client that a login by URL registered for it, at the
    /// provider too ([RFC 7592 §2.3](https://www.rfc-editor.org/rfc/rfc7592#section-2.3)).
    /// All other sessions that were made with this client end with it.
    ///
    /// # Errors
    ///
    /// Fails like [`logout`](Self::logout). That the client could not be removed is no
    /// failure: the report says so.
    pub async fn logout_and_unregister(&self) -> Result<LogoutReport, Error> {
        self.end(true).await
    }

    async fn end(&self, unregister: bool) -> Result<LogoutReport, Error> {
        let inner = &self.0;
        let stored = inner.read().await?;
        let context = inner.context()?;
        let mut instance = inner.instance()?;
        let session = instance
            .logout(inner.client().await?, bytes(&stored), unregister, &context)
            .map_err(|error| inner.placed(error))?;
        let egress = inner.egress(&stored);
        match inner.drive(&mut instance, session, &egress, None).await? {
            Outcome::LoggedOut(report) => {
                if let Some(url) = &report.end_session_url {
                    egress.permit_page(url)?;
                }
                Ok(report)
            }
            Outcome::Granted(_) => Err(unexpected_outcome()),
        }
    }

    /// Stores another program's tokens as the session, without a login and without checking
    /// them. Replaces what was stored: see [`import`](Self::import).
    ///
    /// # Errors
    ///
    /// Fails if the tokens cannot make a session, or if it cannot be stored.
    pub async fn adopt(&self, tokens: &Tokens) -> Result<Token, Error> {
        let inner = &self.0;
        let context = inner.context()?;
        let mut instance = inner.instance()?;
        let session = instance.adopt(inner.client().await?, tokens, &context)?;
        let egress = Egress::new(&inner.client, &[]);
        inner.drive(&mut instance, session, &egress, None).await.and_then(granted)
    }

    /// Sends a browser to the `end_session_url` of a [`LogoutReport`], which also ends the
    /// user's session at the provider.
    ///
    /// # Errors
    ///
    /// Returns `timed-out` if no browser of this user comes, and `host-fault` if another
    /// user may have opened the address first. Also fails if the URL may not be opened or
    /// no listener can be bound.
    pub async fn end_session(&self, url: &str) -> Result<(), Error> {
        let parts = &self.0.parts;
        let end_session = EndSession {
            browser: parts.browser.as_deref(),
            clock: parts.clock.as_ref(),
            entropy: parts.entropy.as_ref(),
            loopback: parts.loopback.as_ref(),
            pages: &parts.pages,
            terminal: parts.terminal.as_ref(),
        };
        end_session.run(url).await
    }

    /// Returns a description of the stored session without its secrets, or `None` if there
    /// is no session. Sends no request.
    ///
    /// # Errors
    ///
    /// Fails if the stored session cannot be read.
    pub async fn status(&self) -> Result<Option<Description>, Error> {
        let inner = &self.0;
        let Some(envelope) = inner.read().await? else { return Ok(None) };
        let mut instance = inner.instance()?;
        instance
            .describe(&envelope.session, inner.parts.clock.now_ms())
            .map(Some)
            .map_err(|error| inner.placed(error))
    }

    /// Returns facts about this machine and the login flow that fits them, as far as this
    /// is known before the provider is asked.
    ///
    /// # Errors
    ///
    /// Returns `sandbox-fault` if the component fails.
    pub fn flow_choice(&self) -> Result<(Facts, FlowChoice), Error> {
        let facts = self.0.facts();
        let choice = self.0.instance()?.choose_flow(facts)?;
        Ok((facts, choice))
    }

    /// Returns the provider's issuer identifier, or `None` if it has none.
    pub fn issuer(&self) -> Option<&str> {
        self.0.client.issuer.as_deref()
    }

    /// Returns the client ID, or `None` if a login by the URL of a resource finds it out.
    pub fn client_id(&self) -> Option<&str> {
        self.0.client.client_id.as_deref()
    }

    /// Returns the key that the session is stored under.
    pub fn key(&self) -> &Key {
        &self.0.key
    }

    /// Returns a description, for the user, of where the session is stored.
    pub fn place(&self) -> String {
        self.0.parts.store.place(&self.0.key)
    }

    #[cfg(not(target_os = "wasi"))]
    pub(crate) fn client(&self) -> &Client {
        &self.0.client
    }

    #[cfg(not(target_os = "wasi"))]
    pub(crate) fn recorder(&self) -> Option<&Recorder> {
        self.0.parts.recorder.as_ref()
    }

    /// Signs the proof for a request with a bound token.
    pub(crate) async fn prove(&self, request: ProvenRequest) -> Result<String, Error> {
        let inner = &self.0;
        let client = inner.client().await?;
        let (Some(key), Some(signer)) = (&client.dpop, &inner.parts.dpop) else {
            return Err(Error::new(
                Code::InvalidConfiguration,
                "the token is bound to a key that these settings do not name",
                "use the settings that the login was made with",
            ));
        };
        let input = inner.instance()?.proof_input(key, &request, &inner.context()?)?;
        let signature = signer.sign(key.algorithm, input.as_bytes()).await?;
        Ok(format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        self.0.parts.clock.as_ref()
    }

    #[cfg(not(target_os = "wasi"))]
    pub(crate) fn entropy(&self) -> &dyn Entropy {
        self.0.parts.entropy.as_ref()
    }

    pub(crate) fn http(&self) -> &dyn Http {
        self.0.parts.http.as_ref()
    }

    pub(crate) fn origins(&self) -> &Origins {
        &self.0.parts.origins
    }

    pub(crate) fn terminal(&self) -> &dyn Terminal {
        self.0.parts.terminal.as_ref()
    }
}

impl Inner {
    async fn drive(
        &self,
        instance: &mut Instance,
        session: Session,
        egress: &Egress,
        user: Option<User<'_>>,
    ) -> Result<Outcome, Error> {
        self.drive_on(self.parts.store.as_ref(), instance, session, egress, user).await
    }

    /// Drives a session with another store than the client's.
    async fn drive_on(
        &self,
        store: &dyn Store,
        instance: &mut Instance,
        session: Session,
        egress: &Egress,
        user: Option<User<'_>>,
    ) -> Result<Outcome, Error> {
        let parts = &self.parts;
        let client = self.client().await?;
        let drive = Drive {
            clock: parts.clock.as_ref(),
            http: parts.http.as_ref(),
            terminal: parts.terminal.as_ref(),
            store,
            key: &self.key,
            egress,
            budget: match &user {
                Some(_) => Budget::of_login(parts.patience),
                None => Budget::without_user(),
            },
            signer: signing(&parts.signer, client.key.as_ref().map(|key| key.algorithm)),
            dpop: signing(&parts.dpop, client.dpop.as_ref().map(|key| key.algorithm)),
            decrypter: parts.decrypter.as_deref(),
            assertions: parts.assertions.as_deref(),
            user,
        };
        drive.run(instance, session).await
    }

    /// Returns a new instance for a session. Sessions share nothing and do not wait for
    /// each other.
    fn instance(&self) -> Result<Instance, Error> {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(instance) = spare {
            return Ok(instance);
        }
        let mut instance = self.sandbox.instantiate()?;
        if let Some(recorder) = &self.parts.recorder {
            instance.record(recorder.clone());
        }
        Ok(instance)
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

    fn say_notices(&self, token: &Token) {
        for notice in token.notices() {
            self.parts.terminal.say(&sentence(notice));
        }
    }

    fn placed(&self, error: Error) -> Error {
        placed(error, self.parts.store.as_ref(), &self.key)
    }
}

/// Returns a description of the session stored under `key` without its secrets, whichever
/// client it belongs to, or `None` if nothing is stored. `now_ms` is the time in
/// milliseconds since the epoch.
///
/// # Errors
///
/// Fails if the stored session cannot be read.
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
        Outcome::Granted(grant) => Token::try_from(grant),
        Outcome::LoggedOut(_) => Err(unexpected_outcome()),
    }
}

fn unexpected_outcome() -> Error {
    Error::misbehaviour("ended with another outcome than was requested")
}
