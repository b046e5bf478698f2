//! A person logs in through a browser: authorization code with PKCE (RFC 6749
//! §4.1, RFC 7636, RFC 8252).
//!
//! ```text
//! Ready -> AwaitingProbe -> [AwaitingMetadata] -> AwaitingRedirect -> AwaitingToken
//!       -> [AwaitingKeys] -> [AwaitingUserinfo] -> AwaitingLock -> AwaitingSave
//! ```

use crate::contract::{
    Action, Authorization, Client, ClientAuthentication, Code, Context, EpochMs, Failure,
    LoginRequest, Outcome, TokenSource,
};
use crate::flow::discovery::{self, Discovery};
use crate::flow::granting::{grant, remember};
use crate::flow::identity::{self, Identity};
use crate::flow::{Event, Save, Step, Stop, response};
use crate::protocol::authorization::{
    Redirect, Transaction, VerifiedCode, check_scopes, max_age_s, wants_id_token,
};
use crate::protocol::client_authentication;
use crate::protocol::endpoint::Issuer;
use crate::protocol::entropy::Entropy;
use crate::protocol::failure::in_words;
use crate::protocol::id_token::{Expectations, Occasion, display_name};
use crate::protocol::metadata::Provider;
use crate::protocol::stored::Stored;
use crate::protocol::token::{TokenResponse, parse_token_response, token_request};
use crate::protocol::userinfo::{
    Rejection, another_person, parse_userinfo_response, userinfo_request,
};

pub(crate) struct Login {
    setup: Setup,
    state: State,
}

struct Setup {
    client: Client,
    issuer: Option<Issuer>,
    given: Provider,
    request: LoginRequest,
    max_age_s: Option<u64>,
    entropy: Entropy,
}

enum State {
    Ready,
    /// A person who has logged in is not to learn that nothing can be kept.
    AwaitingProbe,
    AwaitingMetadata(Discovery),
    AwaitingRedirect(Wait),
    AwaitingToken(Redemption),
    AwaitingKeys {
        session: Stored,
        identity: Identity,
    },
    AwaitingUserinfo {
        session: Stored,
    },
    AwaitingLock {
        session: Stored,
    },
    AwaitingSave {
        session: Stored,
        save: Save,
    },
    Ended,
}

/// The person is in the browser.
struct Wait {
    provider: Provider,
    method: ClientAuthentication,
    transaction: Transaction,
    url: String,
    deadline_ms: EpochMs,
}

/// The code is on its way to the token endpoint.
struct Redemption {
    provider: Provider,
    method: ClientAuthentication,
    transaction: Transaction,
    code: VerifiedCode,
}

impl Login {
    /// Checks everything that can be known to fail before the person is asked.
    pub(crate) fn new(
        client: Client,
        stored: Option<&[u8]>,
        request: LoginRequest,
        context: Context,
    ) -> Result<Self, Failure> {
        if client.client_id.is_empty() {
            return Err(Failure::configuration(
                "the client id is empty",
                "give the client id that the provider registered",
            ));
        }
        check_scopes(&client)?;
        let given = Provider::given(&client)?;
        let issuer = client.issuer.as_deref().map(Issuer::parse).transpose()?;
        let discovers = client.discover && issuer.is_some();
        if !discovers && (given.authorization_endpoint.is_none() || given.token_endpoint.is_none())
        {
            return Err(Failure::configuration(
                "without discovery the authorization and token endpoints have to be given",
                "give both, or the issuer and leave to fetch its metadata",
            ));
        }
        let max_age_s = max_age_s(&client)?;
        // What is stored will be replaced: only ever by what can read it.
        Stored::parse_for(&client, stored)?;
        let entropy = Entropy::new(context.entropy)?;
        let setup = Setup { client, issuer, given, request, max_age_s, entropy };
        Ok(Self { setup, state: State::Ready })
    }

    pub(crate) fn next(self: Box<Self>, event: Event, now_ms: EpochMs) -> Step<Self> {
        use State::*;
        let Self { setup, state } = *self;
        let (state, action) = match (state, event) {
            (Ready, Event::Begin) => (AwaitingProbe, Action::Probe),
            (AwaitingProbe, Event::Probed) => setup.discover(now_ms)?,
            (AwaitingMetadata(discovery), Event::Answered(answer)) => {
                match discovery.next(answer)? {
                    discovery::Progress::Ask(discovery, exchange) => {
                        (AwaitingMetadata(discovery), Action::Exchange(exchange))
                    }
                    discovery::Progress::Found(found) => {
                        setup.authorize(setup.given.clone().or(found), now_ms)?
                    }
                }
            }
            (AwaitingRedirect(wait), Event::Redirected(target)) => {
                setup.redeem(wait, &target, now_ms)?
            }
            (AwaitingRedirect(_), Event::Cancelled) => {
                return Err(Failure::new(
                    Code::Cancelled,
                    "the login was given up",
                    "log in again when ready",
                )
                .into());
            }
            (AwaitingRedirect(_), Event::TimedOut) => return Err(timed_out().into()),
            (AwaitingToken(redemption), Event::Answered(answer)) => {
                let response = response(answer, "the token endpoint", Code::InvalidTokenResponse)?;
                setup.receive(redemption, parse_token_response(&response)?, now_ms)?
            }
            (AwaitingKeys { session, identity }, Event::Answered(answer)) => {
                setup.identified(session, identity.next(answer, now_ms)?)
            }
            (AwaitingUserinfo { mut session }, Event::Answered(answer)) => {
                let answer = response(answer, "the userinfo endpoint", Code::InvalidUserinfo);
                // A name is a courtesy: only an answer about somebody else matters.
                if let Ok(response) = answer {
                    match parse_userinfo_response(&response, session.subject.as_deref()) {
                        Ok(claims) => session.display_name = display_name(&claims),
                        Err(Rejection::AnotherPerson) => return Err(another_person().into()),
                        Err(_) => {}
                    }
                }
                lock(session)
            }
            (AwaitingLock { session }, Event::Locked(stored)) => {
                Stored::parse_for(&setup.client, stored.as_deref())?;
                let (save, action) = Save::begin(session.to_bytes());
                (AwaitingSave { session, save }, action)
            }
            (AwaitingSave { session, .. }, Event::Saved) => {
                let grant = grant(session, &setup.entropy, TokenSource::Login);
                (Ended, Action::Done(Outcome::Granted(grant)))
            }
            (AwaitingSave { session, save }, Event::NotSaved(reason)) => {
                let (save, action) =
                    save.again(&reason, "make room or mend the store, then log in again")?;
                (AwaitingSave { session, save }, action)
            }
            (state, _) => {
                let expected = state.expected();
                return Err(Stop::Misfit(Box::new(Self { setup, state }), expected));
            }
        };
        Ok((Box::new(Self { setup, state }), action))
    }
}

impl Setup {
    fn discover(&self, now_ms: EpochMs) -> Result<(State, Action), Failure> {
        match &self.issuer {
            Some(issuer) if self.client.discover => {
                let (discovery, exchange) = Discovery::begin(issuer.clone());
                Ok((State::AwaitingMetadata(discovery), Action::Exchange(exchange)))
            }
            _ => self.authorize(self.given.clone(), now_ms),
        }
    }

    fn authorize(&self, provider: Provider, now_ms: EpochMs) -> Result<(State, Action), Failure> {
        let authorization_endpoint = provider.authorization_endpoint()?;
        provider.token_endpoint()?;
        if wants_id_token(&self.client) && (self.issuer.is_none() || provider.jwks_uri.is_none()) {
            return Err(Failure::configuration(
                "the scope openid brings an ID token, and without the issuer and its keys that cannot be checked",
                "give the issuer and the jwks URL, or leave out the scope openid",
            ));
        }
        let method = client_authentication::choose(&self.client, provider.auth_methods.as_deref())?;
        let transaction =
            Transaction::new(&self.client, &provider, &self.request.redirect_uri, &self.entropy)?;
        let url = transaction.authorization_request(authorization_endpoint, &self.client)?;
        let deadline_ms = now_ms.saturating_add(self.request.patience_ms);
        let wait = Wait { provider, method, transaction, url, deadline_ms };
        Ok(wait.go_on(now_ms, None))
    }

    fn redeem(
        &self,
        wait: Wait,
        target: &str,
        now_ms: EpochMs,
    ) -> Result<(State, Action), Failure> {
        match wait.transaction.check(target) {
            // Stray redirects must not keep a login waiting past its time.
            Redirect::Stray(_) if now_ms >= wait.deadline_ms => Err(timed_out()),
            Redirect::Stray(reason) => Ok(wait.go_on(now_ms, Some(reason))),
            Redirect::Refused(provider) => {
                let message = in_words(&provider);
                Err(if provider.error == "access_denied" {
                    Failure::new(
                        Code::AccessDenied,
                        format!("the login was refused: {message}"),
                        "log in again and allow the access, or ask who may",
                    )
                } else {
                    Failure::new(
                        Code::ProviderRefused,
                        format!("the provider ended the login: {message}"),
                        "check the client's registration, its scopes and its redirect URI at the provider",
                    )
                }
                .said_by(provider))
            }
            Redirect::Code(code) => {
                let Wait { provider, method, transaction, .. } = wait;
                let exchange = token_request(
                    provider.token_endpoint()?,
                    &self.client,
                    method,
                    &transaction,
                    &code,
                );
                let redemption = Redemption { provider, method, transaction, code };
                Ok((State::AwaitingToken(redemption), Action::Exchange(exchange)))
            }
        }
    }

    fn receive(
        &self,
        redemption: Redemption,
        token: TokenResponse,
        now_ms: EpochMs,
    ) -> Result<(State, Action), Failure> {
        let Redemption { provider, method, transaction, code } = redemption;
        let expected = self.client.issuer.clone().map(|issuer| Expectations {
            issuer,
            client_id: self.client.client_id.clone(),
            access_token: token.access_token.clone(),
            occasion: Occasion::Login {
                nonce: transaction.nonce.clone(),
                code: code.as_str().to_owned(),
                max_age_s: self.max_age_s,
            },
        });
        let session = Stored {
            token_endpoint: provider.token_endpoint,
            userinfo_endpoint: provider.userinfo_endpoint,
            revocation_endpoint: provider.revocation_endpoint,
            jwks_uri: provider.jwks_uri.clone(),
            end_session_endpoint: provider.end_session_endpoint,
            scopes: token.scopes.unwrap_or_else(|| self.client.scopes.clone()),
            access_token: Some(token.access_token),
            token_type: token.token_type,
            refresh_token: token.refresh_token,
            nonce: transaction.nonce,
            expires_at_ms: token
                .expires_in_s
                .map(|s| now_ms.saturating_add(s.saturating_mul(1000))),
            ..Stored::new(&self.client, method, now_ms)
        };
        match (token.id_token, expected, provider.jwks_uri) {
            (Some(id_token), Some(expected), Some(jwks_uri)) => {
                let progress = Identity::begin(id_token, expected, jwks_uri, None, now_ms)?;
                Ok(self.identified(session, progress))
            }
            (None, ..) if wants_id_token(&self.client) => Err(Failure::new(
                Code::InvalidIdToken,
                "the token response has no ID token though the scope openid was asked for",
                "check that this client may use the scope openid, or leave it out",
            )),
            // One that nobody asked for and nobody can check is not believed.
            _ => Ok(named(session)),
        }
    }

    fn identified(&self, mut session: Stored, progress: identity::Progress) -> (State, Action) {
        match progress {
            identity::Progress::Ask(identity, exchange) => {
                (State::AwaitingKeys { session, identity }, Action::Exchange(exchange))
            }
            identity::Progress::Verified(id_token) => {
                remember(&mut session, id_token);
                named(session)
            }
        }
    }
}

impl Wait {
    /// Waits on, as long as the person may take.
    fn go_on(self, now_ms: EpochMs, notice: Option<String>) -> (State, Action) {
        let authorization = Authorization {
            url: self.url.clone(),
            wait_ms: self.deadline_ms.saturating_sub(now_ms),
            notice,
        };
        (State::AwaitingRedirect(self), Action::Authorize(authorization))
    }
}

impl State {
    fn expected(&self) -> &'static str {
        match self {
            Self::Ready => "begin",
            Self::AwaitingProbe => "probed",
            Self::AwaitingMetadata(_)
            | Self::AwaitingToken(_)
            | Self::AwaitingKeys { .. }
            | Self::AwaitingUserinfo { .. } => "the answer to a request",
            Self::AwaitingRedirect(_) => "redirected, cancelled or timed-out",
            Self::AwaitingLock { .. } => "locked",
            Self::AwaitingSave { .. } => "saved or not-saved",
            Self::Ended => "nothing more: this session has ended",
        }
    }
}

/// Asks for the person's name where the ID token does not tell it.
fn named(session: Stored) -> (State, Action) {
    match (&session.userinfo_endpoint, &session.access_token) {
        (Some(endpoint), Some(access_token)) if session.display_name.is_none() => {
            let exchange = userinfo_request(endpoint, access_token);
            (State::AwaitingUserinfo { session }, Action::Exchange(exchange))
        }
        _ => lock(session),
    }
}

fn lock(session: Stored) -> (State, Action) {
    (State::AwaitingLock { session }, Action::Lock)
}

fn timed_out() -> Failure {
    Failure::new(
        Code::TimedOut,
        "nobody finished the login in the browser in time",
        "log in again, and give it more time if need be",
    )
}
