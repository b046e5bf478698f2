//! Gets a token that no user logs in for: with client credentials (RFC 6749 §4.4), an
//! assertion (RFC 7523 §2.1) or another token (RFC 8693). Never asks for a login.
//!
//! ```text
//! Ready -> done                                             the token is fresh
//! Ready -> AwaitingLock -> done                             another process has got one
//!                       -> AwaitingProbe -> [AwaitingResource] -> [AwaitingMetadata]
//!                       -> [AwaitingSubject] -> AwaitingToken -> AwaitingSave -> done
//! done, if the token is to be checked: -> Examining -> done
//!                                      -> AwaitingFindingSave -> failed
//! ```

mod by_resource;

use crate::contract::{
    Action, AssertionPurpose, AssertionRequest, Client, ClientAuthentication, Code, Context,
    Demand, EpochMs, Failure, GrantType, Outcome, Reply, TokenSource,
};
use crate::flow::Progress::{Continue, Done};
use crate::flow::completion::session_at;
use crate::flow::discovery::Discovery;
use crate::flow::examination::{Asking, Examination, Finding};
use crate::flow::protected_resource::Search;
use crate::flow::{Progress, Save, Step, misfit, response};
use crate::protocol::assertion::{Assertion, explain};
use crate::protocol::authorization::check_client;
use crate::protocol::authorization_details::check_details;
use crate::protocol::client_authentication;
use crate::protocol::endpoint::Issuer;
use crate::protocol::entropy::Entropy;
use crate::protocol::metadata::Provider;
use crate::protocol::protected_resource::ResourceUrl;
use crate::protocol::schedule;
use crate::protocol::security::check_provider_security;
use crate::protocol::stored::Stored;
use crate::protocol::token::{
    TokenResponse, Wanted, check_exchanged, direct_request, parse_token_response,
};

const NOT_GRANTED_REMEDY: &str =
    "compare the assertion with what the provider trusts, or have its issuer make a new one";

const NOT_SAVED_REMEDY: &str = "repair the store, then try again";

pub(crate) struct Unattended {
    setup: Setup,
    state: State,
}

struct Setup {
    /// The client as the caller describes it.
    caller: Client,
    /// The same, with what its resource says if it has one.
    client: Client,
    issuer: Option<Issuer>,
    given: Provider,
    demand: Demand,
    entropy: Entropy,
    /// What the last assertion says, for the case that it is refused.
    presented: Option<String>,
}

enum State {
    Ready(Option<Stored>),
    AwaitingLock {
        /// The session as read without the lock, to see whether it has changed.
        before: Option<Stored>,
        bridging: bool,
    },
    /// The store is being checked: a token that cannot be kept would be asked for again by
    /// every process.
    AwaitingProbe(Request),
    /// The resource is being asked who issues tokens for it.
    AwaitingResource(Request, Search),
    AwaitingMetadata(Request, Discovery),
    /// The assertion, or the token that is exchanged, is being read.
    AwaitingSubject(Request),
    AwaitingToken(Request),
    AwaitingSave {
        session: Stored,
        save: Save,
    },
    Examining(Examination),
    /// A finding about the provider is being saved. Holds the reason why there is no grant.
    AwaitingFindingSave(Failure),
}

/// A request for a token.
struct Request {
    /// Has the endpoints once they are known.
    session: Stored,
    /// Whether the stored access token may be granted if the provider cannot be reached.
    bridging: bool,
}

impl Unattended {
    pub(crate) fn new(
        client: Client,
        stored: Option<&[u8]>,
        demand: Demand,
        context: Context,
    ) -> Result<Self, Failure> {
        check_client(&client)?;
        let issuer = Issuer::of(&client)?;
        let given = Provider::given(&client)?;
        let stored =
            Stored::parse_for(&client, stored)?.map(|session| session.turned_to_audience(&client));
        let entropy = Entropy::new(context.entropy)?;
        let found = stored.as_ref().and_then(|session| session.found_client(&client));
        let setup = Setup {
            client: found.unwrap_or_else(|| client.clone()),
            caller: client,
            issuer,
            given,
            demand,
            entropy,
            presented: None,
        };
        Ok(Self { setup, state: State::Ready(stored) })
    }

    pub(crate) fn next(self, reply: Reply, now_ms: EpochMs) -> Step<Self, Outcome> {
        use State::*;
        let Self { mut setup, state } = self;
        let progress = match (state, reply) {
            (Ready(stored), Reply::Begin) => setup.assess(stored, now_ms)?,
            (AwaitingLock { before, bridging }, Reply::Locked(stored)) => {
                let now = setup.read(stored.as_deref())?;
                match now {
                    Some(now)
                        if before.as_ref().is_none_or(|before| now.is_newer_than(before))
                            && setup.is_fresh(&now, now_ms) =>
                    {
                        setup.finish(now, TokenSource::Adopted, now_ms)?
                    }
                    now => {
                        let session = now.unwrap_or_else(|| setup.new_session(now_ms));
                        Continue(AwaitingProbe(Request { session, bridging }), Action::Probe)
                    }
                }
            }
            (AwaitingProbe(request), Reply::Probed) => setup.discover(request, now_ms)?,
            (AwaitingResource(request, search), reply) => {
                setup.searched(request, search.next(reply)?, now_ms)?
            }
            (AwaitingMetadata(request, discovery), reply) => {
                setup.discovered(request, discovery.next(reply)?, now_ms)?
            }
            (AwaitingSubject(request), Reply::Assertion(text)) => {
                let assertion = Assertion::read(&text, now_ms)?;
                setup.check_subject(&request.session, &assertion)?;
                setup.presented = assertion.in_words();
                setup.send(request, Some(assertion.as_str()))?
            }
            (AwaitingToken(request), Reply::Answered(answer)) => {
                let token = response(answer, "the token endpoint", Code::InvalidTokenResponse)
                    .and_then(|response| parse_token_response(&response, Wanted::by(&setup.client)))
                    .and_then(|token| check_exchanged(&setup.client.grant, token));
                match token {
                    Ok(token) => receive(request.session, token, now_ms),
                    Err(failure) if failure.retryable && setup.can_bridge(&request, now_ms) => {
                        setup.finish(request.session, TokenSource::Cached, now_ms)?
                    }
                    Err(failure) => return Err(setup.refused(failure)),
                }
            }
            (AwaitingSave { session, save }, reply) => match save.next(reply, NOT_SAVED_REMEDY)? {
                Continue(save, action) => Continue(AwaitingSave { session, save }, action),
                Done(()) => setup.finish(session, TokenSource::Renewed, now_ms)?,
            },
            (Examining(examination), reply) => {
                setup.examined(examination.next(&setup.asking(now_ms), reply)?)
            }
            (AwaitingFindingSave(failure), Reply::Saved | Reply::NotSaved(_)) => {
                return Err(failure);
            }
            _ => return Err(misfit()),
        };
        Ok(progress.within(|state| Self { setup, state }))
    }

    /// Whether the stored access token can be granted without a response from the provider.
    pub(crate) fn can_finish_without_response(&self, now_ms: EpochMs) -> bool {
        match &self.state {
            State::AwaitingToken(request) => self.setup.can_bridge(request, now_ms),
            _ => false,
        }
    }
}

impl Setup {
    /// Decides whether to grant the stored token or to get another one.
    fn assess(&self, stored: Option<Stored>, now_ms: EpochMs) -> Step<State, Outcome> {
        let is_refused = self.demand.force_refresh || self.demand.challenge.is_some();
        match stored {
            Some(session) if !is_refused && self.is_fresh(&session, now_ms) => {
                self.finish(session, TokenSource::Cached, now_ms)
            }
            before => {
                Ok(Continue(State::AwaitingLock { before, bridging: !is_refused }, Action::Lock))
            }
        }
    }

    fn is_fresh(&self, session: &Stored, now_ms: EpochMs) -> bool {
        schedule::is_fresh(session, self.demand.min_ttl_ms, now_ms)
    }

    /// Reads the session again under the lock.
    fn read(&mut self, stored: Option<&[u8]>) -> Result<Option<Stored>, Failure> {
        let session = Stored::parse_for(&self.caller, stored)?;
        if let Some(found) = session.as_ref().and_then(|one| one.found_client(&self.caller)) {
            self.client = found;
        }
        Ok(session.map(|session| session.turned_to_audience(&self.caller)))
    }

    /// A session without endpoints: the metadata is still to be fetched.
    fn new_session(&self, now_ms: EpochMs) -> Stored {
        Stored::new(&self.client, ClientAuthentication::None, now_ms)
    }

    /// Fetches the metadata, unless an earlier request has.
    fn discover(&mut self, request: Request, now_ms: EpochMs) -> Step<State, Outcome> {
        if request.session.token_endpoint.is_some() {
            return self.read_subject(request);
        }
        if let Some(url) = &self.caller.resource_url {
            let search = Search::begin(&ResourceUrl::parse(url)?, self.demand.challenge.as_deref());
            return self.searched(request, search?, now_ms);
        }
        let discovery = match self.given.token_endpoint {
            Some(_) => Done(Provider::default()),
            None => Discovery::begin(&self.client, self.issuer.as_ref(), false),
        };
        self.discovered(request, discovery, now_ms)
    }

    fn discovered(
        &self,
        request: Request,
        discovery: Progress<Discovery, Provider>,
        now_ms: EpochMs,
    ) -> Step<State, Outcome> {
        let found = match discovery {
            Continue(discovery, action) => {
                return Ok(Continue(State::AwaitingMetadata(request, discovery), action));
            }
            Done(found) => found,
        };
        let assumed = Provider::assumed(&self.client)?;
        let provider = self.given.clone().or(found).or(assumed);
        provider.token_endpoint()?;
        check_details(&self.client, &provider)?;
        check_provider_security(&self.client, &provider, false)?;
        let supported = provider.auth_methods.clone();
        let method = client_authentication::choose(&self.client, supported.as_deref())?;
        let resource = self.stored_resource()?;
        let session = session_at(provider, &self.client, method, now_ms);
        let session = Stored { resource, ..session }.turned_to_audience(&self.caller);
        self.read_subject(Request { session, ..request })
    }

    /// Reads the assertion or the token that the grant needs.
    fn read_subject(&self, request: Request) -> Step<State, Outcome> {
        if matches!(self.client.grant, GrantType::ClientCredentials) {
            return self.send(request, None);
        }
        let wanted = AssertionRequest {
            purpose: AssertionPurpose::Subject,
            audience: self.client.issuer.clone(),
            resources: self.client.resources.clone(),
            scopes: self.client.scopes.clone(),
        };
        Ok(Continue(State::AwaitingSubject(request), Action::ReadAssertion(wanted)))
    }

    /// Checks an assertion for this provider (RFC 7523 §3). A token that is exchanged is for
    /// whomever it was issued to.
    fn check_subject(&self, session: &Stored, assertion: &Assertion) -> Result<(), Failure> {
        if !matches!(self.client.grant, GrantType::JwtBearer) {
            return Ok(());
        }
        let accepted = [&self.client.issuer, &session.token_endpoint];
        let accepted: Vec<&str> = accepted.into_iter().flatten().map(String::as_str).collect();
        assertion.check_audience(&accepted)?;
        assertion.check_authorization_grant(&self.client)
    }

    fn send(&self, request: Request, subject: Option<&str>) -> Step<State, Outcome> {
        let session = &request.session;
        let endpoint = self.given.token_endpoint.as_deref().or(session.token_endpoint.as_deref());
        let method = client_authentication::keep(&self.client, session.authentication.into())?;
        let exchange = direct_request(endpoint.unwrap_or_default(), &self.client, method, subject);
        Ok(Continue(State::AwaitingToken(request), Action::Exchange(exchange)))
    }

    /// Whether the stored token can be granted during an outage: it may be within the leeway
    /// for renewal, but it must still be valid.
    fn can_bridge(&self, request: &Request, now_ms: EpochMs) -> bool {
        let min_ttl_ms = self.demand.min_ttl_ms;
        request.bridging && schedule::is_valid(&request.session, min_ttl_ms, now_ms)
    }

    /// Returns the failure of a request that the provider refused. Its remedy is not a login,
    /// because there is no user.
    fn refused(&self, failure: Failure) -> Failure {
        let failure = explain(failure, self.presented.as_deref());
        let is_grant = failure.provider.as_ref().is_some_and(|said| said.error == "invalid_grant");
        match is_grant {
            true => Failure { remedy: NOT_GRANTED_REMEDY.to_owned(), ..failure },
            false => failure,
        }
    }

    /// Grants the token, after the examination that was asked for.
    fn finish(
        &self,
        session: Stored,
        source: TokenSource,
        now_ms: EpochMs,
    ) -> Step<State, Outcome> {
        let examination = Examination::begin(&self.asking(now_ms), session, source)?;
        Ok(self.examined(examination))
    }

    fn examined(&self, examination: Progress<Examination, Finding>) -> Progress<State, Outcome> {
        match examination {
            Continue(examination, action) => Continue(State::Examining(examination), action),
            Done(Finding::Granted(grant)) => Done(Outcome::Granted(grant)),
            Done(Finding::Refused(session)) => {
                let before = Some(session);
                Continue(State::AwaitingLock { before, bridging: false }, Action::Lock)
            }
            Done(Finding::Unanswerable(session, failure)) => {
                let save = Action::Save(Some(session.to_bytes()));
                Continue(State::AwaitingFindingSave(failure), save)
            }
        }
    }

    fn asking(&self, now_ms: EpochMs) -> Asking<'_> {
        Asking {
            client: &self.client,
            given: &self.given,
            entropy: &self.entropy,
            demand: &self.demand,
            now_ms,
        }
    }
}

fn receive(session: Stored, token: TokenResponse, now_ms: EpochMs) -> Progress<State, Outcome> {
    let session = Stored {
        expires_at_ms: token.expires_at_ms(true, now_ms),
        access_token: Some(token.access_token),
        token_type: token.token_type,
        scopes: token.scopes.unwrap_or(session.scopes),
        authorization_details: token.authorization_details,
        received_at_ms: now_ms,
        ..session
    };
    let (save, action) = Save::begin(session.to_bytes());
    Continue(State::AwaitingSave { session, save }, action)
}
