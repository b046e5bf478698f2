//! The host's loop: carries out what a session asks for and tells it the result.

use std::time::Duration;

use zeroize::Zeroizing;

use crate::budget::Budget;
use crate::capability::assertions::Assertions;
use crate::capability::clock::Clock;
use crate::capability::component::Component;
use crate::capability::decrypter::Decrypter;
use crate::capability::http::{Http, Limits, Trouble};
use crate::capability::signer::Signer;
use crate::capability::store::{Held, Store};
use crate::capability::terminal::{Settled, Terminal};
use crate::contract::{
    Action, AssertionRequest, Exchange, NoResponse, Outcome, Purpose, Reply, Request, Response,
    SigningAlgorithm, SigningKey, SigningRequest, Unreachable,
};
use crate::egress::{Egress, Permit};
use crate::error::{Code, Error, printable};
use crate::session::{Envelope, Key, check_size};
use crate::user::User;

/// Time limit for one request, from the DNS query to the last byte.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Largest response body, in bytes. No honest response comes near it.
const RESPONSE_BYTES: u64 = 1 << 20;

/// Time to wait for the lock before the user is told.
const SILENT_WAIT: Duration = Duration::from_secs(1);

/// The capabilities and limits that a session runs with.
pub struct Drive<'a> {
    /// The time.
    pub clock: &'a dyn Clock,
    /// The HTTP client.
    pub http: &'a dyn Http,
    /// The user's terminal.
    pub terminal: &'a dyn Terminal,
    /// The store of the session.
    pub store: &'a dyn Store,
    /// What the session is stored under.
    pub key: &'a Key,
    /// Where requests and the user may go.
    pub egress: &'a Egress,
    /// How much the session may ask for.
    pub budget: Budget,
    /// The key that the client signs with. `None` if it has none.
    pub signer: Option<Signing<'a>>,
    /// The key that tokens are bound to. `None` if there is none.
    pub dpop: Option<Signing<'a>>,
    /// The key that the provider encrypts for. `None` if there is none.
    pub decrypter: Option<&'a dyn Decrypter>,
    /// Where the client finds assertions. `None` if it presents none.
    pub assertions: Option<&'a dyn Assertions>,
    /// The user, whom only a login has.
    pub user: Option<User<'a>>,
}

/// A key, and the algorithm that the client signs with.
pub struct Signing<'a> {
    /// The key.
    pub signer: &'a dyn Signer,
    /// One of the key's algorithms.
    pub algorithm: SigningAlgorithm,
}

impl<'a> Drive<'a> {
    /// Steps the session to its end.
    ///
    /// The browser gets its last page only now: after the code was exchanged and the
    /// session was saved.
    ///
    /// # Errors
    ///
    /// Returns the component's failure, or this host's own.
    pub async fn run<C: Component>(
        mut self,
        component: &mut C,
        session: C::Session,
    ) -> Result<Outcome, Error> {
        let result = {
            let _settled = Settled(self.terminal);
            self.steps(component, session).await
        };
        if let Some(user) = &mut self.user {
            user.close(result.as_ref().err()).await;
        }
        result
    }

    async fn steps<C: Component>(
        &mut self,
        component: &mut C,
        session: C::Session,
    ) -> Result<Outcome, Error> {
        let mut held: Option<Held> = None;
        let mut held_registration: Option<Held> = None;
        let mut reply = Reply::Begin;
        loop {
            let action = component
                .next(&session, &reply, self.clock.now_ms())
                .map_err(|error| self.placed(error))?;
            reply = match self.budget.admit(action)? {
                Action::Lock => {
                    if held.is_none() {
                        held = Some(self.lock(self.key).await?);
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
                Action::Exchange(exchange) => Reply::Answered(self.exchange(exchange).await),
                Action::Authorize(authorization) => {
                    self.user("a browser")?.authorize(authorization).await?
                }
                Action::Present(prompt) => {
                    self.user("a code to be shown")?.present(&prompt).await?
                }
                Action::Visit(visit) => self.user("a page to be shown")?.visit(&visit).await?,
                Action::Offer(offer) => self.user("a choice")?.offer(offer).await?,
                Action::Confirm(confirmation) => {
                    self.user("a consent")?.confirm(&confirmation).await
                }
                Action::ReadRegistration(name) => {
                    Reply::Registration(registration(self.store, &registration_key(&name)?).await?)
                }
                Action::LockRegistration(name) => {
                    let key = registration_key(&name)?;
                    // The old lock first: two processes must not wait for each other.
                    drop(held_registration.take());
                    held_registration = Some(self.lock(&key).await?);
                    Reply::Registration(registration(self.store, &key).await?)
                }
                Action::SaveRegistration(registration) => {
                    let held = held_registration.take().ok_or_else(|| {
                        Error::misbehaviour("saved a registration without its lock")
                    })?;
                    self.save(&held, registration.map(Zeroizing::new)).await
                }
                Action::Save(session) => {
                    let held = held.as_ref().ok_or_else(|| {
                        Error::misbehaviour("saved a session without the session's lock")
                    })?;
                    self.save(held, session.map(Zeroizing::new)).await
                }
                Action::ReadAssertion(request) => self.read_assertion(request).await?,
                Action::Sign(request) => self.sign(request).await?,
                Action::Decrypt(token) => self.decrypt(&token).await?,
                Action::Done(outcome) => return Ok(outcome),
            };
            self.budget.note(&reply)?;
        }
    }

    /// Takes the lock of a session or a registration. Tells the user if that takes long.
    async fn lock(&mut self, key: &Key) -> Result<Held, Error> {
        let mut lock = self.store.lock(key);
        tokio::select! {
            biased;
            lock = &mut lock => return lock,
            () = self.clock.sleep(SILENT_WAIT) => {}
        }
        self.terminal.say(&match key.is_session() {
            true => format!(
                "Waiting for another process to finish with the session of the profile {}",
                key.profile
            ),
            false => "Waiting for another process to finish its registration".to_owned(),
        });
        lock.await
    }

    async fn read_assertion(&mut self, request: AssertionRequest) -> Result<Reply, Error> {
        let assertions = self.assertions.ok_or_else(|| {
            Error::new(
                Code::InvalidConfiguration,
                "the client presents an assertion, but nothing says where to find it",
                "say where the assertion is",
            )
        })?;
        let text = assertions.read(&request).await?;
        Ok(Reply::Assertion(text.to_string()))
    }

    async fn sign(&mut self, request: SigningRequest) -> Result<Reply, Error> {
        let signing = match request.key {
            SigningKey::Client => &self.signer,
            SigningKey::Dpop => &self.dpop,
        };
        match signing {
            Some(Signing { signer, algorithm }) if *algorithm == request.algorithm => {
                signer.sign(*algorithm, &request.input).await.map(Reply::Signed)
            }
            _ => Err(Error::misbehaviour("asked for a signature with a key that is not there")),
        }
    }

    async fn decrypt(&mut self, token: &str) -> Result<Reply, Error> {
        match self.decrypter {
            Some(decrypter) => Ok(Reply::Decrypted(decrypter.decrypt(token).await?.to_string())),
            None => Err(Error::misbehaviour("asked for a decryption without a key")),
        }
    }

    async fn exchange(&mut self, exchange: Exchange) -> Result<Response, NoResponse> {
        let Exchange { purpose, wait_ms, timeout_ms, remark, request } = exchange;
        if let Some(remark) = remark {
            self.terminal.detail(&printable(&remark));
        }
        match &mut self.user {
            Some(user) if purpose == Purpose::Poll => user.wait(wait_ms).await,
            _ => {
                self.terminal.wait(in_words(purpose));
                if wait_ms > 0 {
                    self.clock.sleep(Duration::from_millis(wait_ms)).await;
                }
            }
        }
        let permit = self.egress.permit(&request).map_err(NoResponse::Denied)?;
        let url = request.url.clone();
        let is_push = purpose == Purpose::PushedAuthorization;
        let pushed = request.body.clone().filter(|_| is_push).unwrap_or_default();
        let begun_ms = self.clock.now_ms();
        let timeout = timeout_ms.map_or(REQUEST_TIMEOUT, Duration::from_millis);
        let timeout = timeout.min(REQUEST_TIMEOUT);
        let answer = match permit {
            Permit::AnyAddress => self.http.send(request, limits(true, timeout)).await,
            Permit::AsIssuer => self.send_as_issuer(request, timeout).await,
        };
        let taken_ms = self.clock.now_ms().saturating_sub(begun_ms);
        self.terminal.detail(&match &answer {
            Ok(response) => {
                format!("{} -> {} in {taken_ms} ms", without_query(&url), response.status)
            }
            Err(_) => format!("{} -> no response in {taken_ms} ms", without_query(&url)),
        });
        let response = answer.map_err(|trouble| match trouble {
            Trouble::Unreachable { reason, sent } => {
                NoResponse::Unreachable(Unreachable { reason, sent })
            }
            Trouble::TooLarge(limit) => NoResponse::TooLarge(limit),
            Trouble::Denied(reason) => NoResponse::Denied(reason),
        })?;
        if is_push {
            self.egress.learn_pushed_authorization(&pushed, &response.body);
        }
        self.egress.learn(purpose, &url, &response);
        Ok(response)
    }

    /// Sends a request that may go to a private address only if all of the issuer's
    /// addresses are private. The issuer's name is resolved within the request's time
    /// limit.
    async fn send_as_issuer(
        &mut self,
        request: Request,
        timeout: Duration,
    ) -> Result<Response, Trouble> {
        let Some(issuer) = self.egress.unresolved_issuer() else {
            return self.http.send(request, limits(self.egress.issuer_is_private(), timeout)).await;
        };
        let mut time_limit = self.clock.sleep(timeout);
        let timed_out = |what: &str, sent| {
            let seconds = timeout.as_secs_f32();
            let reason = format!("cannot {what}: timed out after {seconds} s");
            Trouble::Unreachable { reason: printable(&reason), sent }
        };
        tokio::select! {
            biased;
            addresses = self.http.resolve(&issuer) => self.egress.learn_issuer_addresses(&addresses),
            () = &mut time_limit => {
                let host = issuer.host_str().unwrap_or_default();
                return Err(timed_out(&format!("look up {host}"), false));
            }
        }
        let reach = format!("reach {}", without_query(&request.url));
        tokio::select! {
            biased;
            answer = self.http.send(request, limits(self.egress.issuer_is_private(), timeout)) => answer,
            () = &mut time_limit => Err(timed_out(&reach, true)),
        }
    }

    /// Returns the user, or an error outside of a login.
    fn user(&mut self, what: &str) -> Result<&mut User<'a>, Error> {
        self.user
            .as_mut()
            .ok_or_else(|| Error::misbehaviour(format_args!("asked for {what} outside of a login")))
    }

    async fn save(&mut self, held: &Held, session: Option<Zeroizing<Vec<u8>>>) -> Reply {
        let result = match session {
            Some(session) => {
                let envelope = Envelope { origins: self.egress.pinned_origins(), session };
                let sealed = envelope.seal();
                match check_size(sealed.len() as u64) {
                    Ok(()) => self.store.write(held, &sealed).await,
                    Err(error) => Err(error),
                }
            }
            None => self.store.delete(held).await,
        };
        match result {
            Ok(()) => Reply::Saved,
            Err(error) => Reply::NotSaved(error.message().to_owned()),
        }
    }

    /// Adds the place to the error of a damaged session: the component does not know it.
    fn placed(&self, error: Error) -> Error {
        placed(error, self.store, self.key)
    }
}

/// Returns what is stored of a registration. What cannot be read counts as nothing: a client
/// can be registered again.
async fn registration(store: &dyn Store, key: &Key) -> Result<Option<Vec<u8>>, Error> {
    match read(store, key).await {
        Ok(stored) => Ok(stored.map(|envelope| envelope.session.to_vec())),
        Err(error) if error.code() == Code::StoredDamaged => Ok(None),
        Err(error) => Err(error),
    }
}

fn registration_key(name: &str) -> Result<Key, Error> {
    let key = Key::of_registration(name);
    key.check().map(|()| key)
}

fn limits(private_addresses: bool, timeout: Duration) -> Limits {
    Limits { timeout, body_bytes: RESPONSE_BYTES, private_addresses }
}

/// Returns the session stored under `key`, or `None` if there is none.
///
/// # Errors
///
/// Returns the store's error, and the errors of [`Envelope::open`].
pub async fn read(store: &dyn Store, key: &Key) -> Result<Option<Envelope>, Error> {
    match store.read(key).await? {
        Some(bytes) => Envelope::open(&Zeroizing::new(bytes), &store.place(key)).map(Some),
        None => Ok(None),
    }
}

/// Adds the place where the session is stored to the error of a session that cannot be
/// read.
pub fn placed(error: Error, store: &dyn Store, key: &Key) -> Error {
    match error.code() {
        Code::StoredDamaged | Code::StoredNewer => error.at(&store.place(key)),
        _ => error,
    }
}

/// Returns the URL for logs: without its query, which can hold secrets.
pub fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

fn in_words(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Metadata => "reading the provider's metadata",
        Purpose::Challenge | Purpose::ResourceMetadata => "asking who issues tokens for this URL",
        Purpose::Registration => "registering this program at the provider",
        Purpose::Token => "getting a token",
        Purpose::Keys => "getting the provider's keys",
        Purpose::Userinfo => "asking the provider who you are",
        Purpose::Revocation => "revoking the tokens",
        Purpose::PushedAuthorization | Purpose::DeviceAuthorization => {
            "asking the provider to start the login"
        }
        Purpose::Introspection => "asking the provider about the token",
        Purpose::Poll => "waiting for you",
    }
}
