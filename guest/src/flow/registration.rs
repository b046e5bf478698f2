//! Finds the client of a login whose issuer a resource named, and registers one if there is
//! none. The user hears first who will ask for the password.
//!
//! ```text
//! AwaitingKnown -> AwaitingConsent -> the client
//!                                  -> AwaitingLock -> [AwaitingReading] -> [AwaitingResponse]
//!                                     -> AwaitingSave -> the client
//! ```

use url::Url;

use crate::contract::{
    Action, Client, ClientAuthentication, Code, Confirmation, EpochMs, Exchange, Failure,
    LoginRequest, RegistrationEnd, Reply,
};
use crate::flow::Progress::{Continue, Done};
use crate::flow::waiting::{cancelled, not_confirmed};
use crate::flow::{Step, misfit, not_saved, response};
use crate::protocol::endpoint::{Issuer, are_related, authority};
use crate::protocol::failure::printable;
use crate::protocol::metadata::{Provider, invalid};
use crate::protocol::registration::{
    Registered, Registrations, is_unknown, parse_registration_response, registration_request,
};

pub(crate) struct Registration {
    provider: Provider,
    issuer: String,
    /// Scopes that a new client is to have: all that the resource names, for later logins
    /// that need more.
    scopes: Vec<String>,
    state: State,
}

#[allow(clippy::enum_variant_names, reason = "a state is named for what it waits for")]
enum State {
    AwaitingKnown(Confirmation),
    AwaitingConsent(Option<Registrations>),
    AwaitingLock,
    /// The server is asked whether it still knows the client.
    AwaitingReading(Registrations, Registered),
    AwaitingResponse(Registrations),
    AwaitingSave(Identity),
}

/// The client that a login is made with.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) client_id: String,
    pub(crate) client_secret: Option<String>,
    /// `None`: what the metadata prefers.
    pub(crate) method: Option<ClientAuthentication>,
    /// Whether this program registered the client.
    pub(crate) is_registered: bool,
    /// Whether earlier logins with it came to nothing.
    pub(crate) is_unfinished: bool,
}

/// How the client is found.
enum Plan {
    Use(Identity),
    /// First read the registration with this request.
    Read(Box<(Registered, Exchange)>),
    Register,
}

impl Registration {
    /// Fails if the user accepts another issuer only.
    pub(crate) fn begin(
        request: &LoginRequest,
        issuer: &Issuer,
        resource: &Url,
        scopes: Vec<String>,
        provider: Provider,
        wait_ms: u64,
    ) -> Result<(Self, Action), Failure> {
        let issuer_host = issuer.url().host_str().unwrap_or_default();
        let resource_host = resource.host_str().unwrap_or_default();
        let is_accepted = match request.accepted_issuer_host.as_deref() {
            None => false,
            Some(accepted) if accepted.eq_ignore_ascii_case(issuer_host) => true,
            Some(accepted) => {
                let message = format!(
                    "{resource_host} has its tokens issued by {issuer_host}; only {} is accepted",
                    printable(accepted)
                );
                let remedy = format!(
                    "if you trust that host with your login, accept it: --accept-issuer {issuer_host}"
                );
                return Err(Failure { remedy, ..invalid(message) });
            }
        };
        let is_foreign = !are_related(issuer_host, resource_host);
        let confirmation = Confirmation {
            issuer_host: authority(issuer.url()),
            resource_host: authority(resource),
            asks: is_foreign && !is_accepted && request.facts.terminal,
            wait_ms,
        };
        let issuer = issuer.as_str().to_owned();
        let action = Action::ReadRegistration(Registrations::key(&issuer));
        let state = State::AwaitingKnown(confirmation);
        Ok((Self { provider, issuer, scopes, state }, action))
    }

    pub(crate) fn next(
        self,
        client: &Client,
        request: &LoginRequest,
        reply: Reply,
        now_ms: EpochMs,
    ) -> Step<Self, (Provider, Identity)> {
        use State::*;
        let Self { provider, issuer, mut scopes, state } = self;
        let (state, action) = match (state, reply) {
            (AwaitingKnown(confirmation), Reply::Registration(stored)) => {
                let known = Registrations::parse(&issuer, stored.as_deref());
                let asks = confirmation.asks && known.is_none();
                let action = Action::Confirm(Confirmation { asks, ..confirmation });
                (AwaitingConsent(known), action)
            }
            (AwaitingConsent(known), Reply::Confirmed) => {
                match (plan(client, request, &provider, known.as_ref(), now_ms)?, known) {
                    (Plan::Use(identity), Some(_)) => return Ok(Done((provider, identity))),
                    _ => (AwaitingLock, Action::LockRegistration(Registrations::key(&issuer))),
                }
            }
            (AwaitingConsent(_), Reply::Cancelled) => return Err(cancelled()),
            (AwaitingConsent(_), Reply::TimedOut) => return Err(not_confirmed()),
            // Another process may have registered the client meanwhile.
            (AwaitingLock, Reply::Registration(stored)) => {
                let known = Registrations::parse(&issuer, stored.as_deref());
                let plan = plan(client, request, &provider, known.as_ref(), now_ms)?;
                let known = known.unwrap_or_else(|| Registrations::new(&issuer));
                match plan {
                    Plan::Use(identity) => save(&known, identity),
                    Plan::Read(reading) => {
                        let (client, exchange) = *reading;
                        (AwaitingReading(known, client), Action::Exchange(exchange))
                    }
                    Plan::Register => {
                        (AwaitingResponse(known), register(request, &provider, &scopes)?)
                    }
                }
            }
            (AwaitingReading(mut known, client), Reply::Answered(answer)) => {
                let client_id = client.client_id.clone();
                match client.reread(&answer, now_ms) {
                    Some(client) => {
                        known.put(client.clone());
                        save(&known, Identity::from(&client))
                    }
                    None => {
                        known.forget(&client_id);
                        (AwaitingResponse(known), register(request, &provider, &scopes)?)
                    }
                }
            }
            (AwaitingResponse(mut known), Reply::Answered(answer)) => {
                let what = "the registration endpoint";
                let response = response(answer, what, Code::InvalidMetadata)?;
                let uri = &request.redirect_uri;
                match parse_registration_response(&response, &provider, uri, &scopes, now_ms) {
                    // Some servers know scopes that they do not let a client register.
                    Err(failure) if refuses_metadata(&failure) && !scopes.is_empty() => {
                        scopes.clear();
                        let action = register(request, &provider, &scopes)?;
                        (AwaitingResponse(known), action)
                    }
                    client => {
                        let client = client?;
                        known.put(client.clone());
                        save(&known, Identity::from(&client))
                    }
                }
            }
            (AwaitingSave(identity), Reply::Saved) => return Ok(Done((provider, identity))),
            (AwaitingSave(_), Reply::NotSaved(reason)) => {
                return Err(not_saved(
                    &reason,
                    "free some space or repair the store, then log in again",
                ));
            }
            _ => return Err(misfit()),
        };
        Ok(Continue(Self { provider, issuer, scopes, state }, action))
    }
}

impl From<&Registered> for Identity {
    fn from(client: &Registered) -> Self {
        Self {
            client_id: client.client_id.clone(),
            client_secret: client.client_secret.clone(),
            method: Some(client.authentication.into()),
            is_registered: true,
            is_unfinished: client.unfinished > 0,
        }
    }
}

fn save(known: &Registrations, identity: Identity) -> (State, Action) {
    (State::AwaitingSave(identity), Action::SaveRegistration(Some(known.to_bytes())))
}

/// Chooses the client: the one that was registered by hand, a metadata document where the
/// server takes one, one that this program registered before, or a new one.
fn plan(
    client: &Client,
    request: &LoginRequest,
    provider: &Provider,
    known: Option<&Registrations>,
    now_ms: EpochMs,
) -> Result<Plan, Failure> {
    let without_registration = |client_id: &String, method| {
        Plan::Use(Identity {
            client_id: client_id.clone(),
            client_secret: client.client_secret.clone(),
            method,
            is_registered: false,
            is_unfinished: false,
        })
    };
    if let Some(client_id) = &client.client_id {
        return Ok(without_registration(client_id, client.authentication));
    }
    if let Some(url) = client
        .client_metadata_url
        .as_ref()
        .filter(|_| provider.takes_metadata_urls && !request.register)
    {
        return Ok(without_registration(url, Some(ClientAuthentication::None)));
    }
    let usable =
        known.and_then(|known| known.usable(&request.redirect_uri, &client.scopes, now_ms));
    if let Some(registered) = usable.filter(|_| !request.register) {
        return Ok(match registered.read_request(now_ms) {
            Some(exchange) => Plan::Read(Box::new((registered.clone(), exchange))),
            None => Plan::Use(registered.into()),
        });
    }
    registration_endpoint(provider).map(|_| Plan::Register)
}

fn registration_endpoint(provider: &Provider) -> Result<&str, Failure> {
    provider.registration_endpoint.as_deref().ok_or_else(|| {
        Failure::configuration(
            "the provider does not let programs register themselves, and no client ID is set",
            "register a client by hand at the provider and give it with --client-id",
        )
    })
}

fn register(
    request: &LoginRequest,
    provider: &Provider,
    scopes: &[String],
) -> Result<Action, Failure> {
    Ok(Action::Exchange(registration_request(
        registration_endpoint(provider)?,
        scopes,
        provider,
        &request.redirect_uri,
        request.initial_access_token.as_deref(),
    )))
}

/// Whether the server refuses something that the client was to have (RFC 7591 §3.2.2).
fn refuses_metadata(failure: &Failure) -> bool {
    failure.provider.as_ref().is_some_and(|said| said.error == "invalid_client_metadata")
}

/// A change to what is stored about a registered client, after a login or a renewal.
pub(crate) struct Amendment {
    issuer: String,
    client_id: String,
    change: Change,
    is_locked: bool,
}

#[derive(Clone, Copy)]
pub(crate) enum Change {
    /// The server does not know the client any more.
    Forget,
    Finished,
    Unfinished,
}

impl Amendment {
    pub(crate) fn begin(issuer: &str, client_id: &str, change: Change) -> (Self, Action) {
        let (issuer, client_id) = (issuer.to_owned(), client_id.to_owned());
        let action = Action::LockRegistration(Registrations::key(&issuer));
        (Self { issuer, client_id, change, is_locked: false }, action)
    }

    /// Whether it could be saved makes no difference.
    pub(crate) fn next(self, reply: Reply) -> Step<Self, ()> {
        match (self.is_locked, reply) {
            (false, Reply::Registration(stored)) => {
                let bytes = match Registrations::parse(&self.issuer, stored.as_deref()) {
                    Some(mut known) => {
                        match self.change {
                            Change::Forget => known.forget(&self.client_id),
                            Change::Finished => known.note(&self.client_id, true),
                            Change::Unfinished => known.note(&self.client_id, false),
                        }
                        Some(known.to_bytes())
                    }
                    None => stored,
                };
                Ok(Continue(Self { is_locked: true, ..self }, Action::SaveRegistration(bytes)))
            }
            (true, Reply::Saved | Reply::NotSaved(_)) => Ok(Done(())),
            _ => Err(misfit()),
        }
    }
}

/// Removes a client that this program registered, here and at its server (RFC 7592 §2.3).
pub(crate) struct Removal {
    issuer: String,
    client_id: String,
    state: RemovalState,
}

#[allow(clippy::enum_variant_names, reason = "a state is named for what it waits for")]
enum RemovalState {
    AwaitingLock,
    AwaitingAnswer(Registrations),
    AwaitingSave(RegistrationEnd),
}

impl Removal {
    pub(crate) fn begin(issuer: &str, client_id: &str) -> (Self, Action) {
        let (issuer, client_id) = (issuer.to_owned(), client_id.to_owned());
        let action = Action::LockRegistration(Registrations::key(&issuer));
        (Self { issuer, client_id, state: RemovalState::AwaitingLock }, action)
    }

    pub(crate) fn next(self, reply: Reply) -> Step<Self, RegistrationEnd> {
        use RemovalState::*;
        let Self { issuer, client_id, state } = self;
        let (state, action) = match (state, reply) {
            (AwaitingLock, Reply::Registration(stored)) => {
                let known = Registrations::parse(&issuer, stored.as_deref());
                let client = known.as_ref().and_then(|known| known.get(&client_id));
                let request = match client.map(Registered::removal_request) {
                    Some(Some(exchange)) => Ok(exchange),
                    Some(None) => Err("the provider gave no way to remove it"),
                    None => Err("nothing is stored about it any more"),
                };
                match (request, known) {
                    (Ok(exchange), Some(known)) => {
                        (AwaitingAnswer(known), Action::Exchange(exchange))
                    }
                    (request, _) => {
                        let end = kept(request.err().unwrap_or_default());
                        (AwaitingSave(end), Action::SaveRegistration(stored))
                    }
                }
            }
            (AwaitingAnswer(mut known), Reply::Answered(answer)) => {
                let end = match response(answer, "the registration endpoint", Code::ProviderRefused)
                {
                    Ok(answer) if is_unknown(&answer) || (200..300).contains(&answer.status) => {
                        known.forget(&client_id);
                        RegistrationEnd { kept: None }
                    }
                    Ok(answer) => kept(&format!("the provider answered {}", answer.status)),
                    Err(failure) => kept(&failure.message),
                };
                (AwaitingSave(end), Action::SaveRegistration(Some(known.to_bytes())))
            }
            // A registration that could not be deleted here is found dead when it is used.
            (AwaitingSave(end), Reply::Saved | Reply::NotSaved(_)) => return Ok(Done(end)),
            _ => return Err(misfit()),
        };
        Ok(Continue(Self { issuer, client_id, state }, action))
    }
}

pub(crate) fn kept(reason: &str) -> RegistrationEnd {
    RegistrationEnd { kept: Some(reason.to_owned()) }
}

/// Whether the server does not know the client any more (RFC 6749 §5.2).
pub(crate) fn disowns_client(failure: &Failure) -> bool {
    let error = failure.provider.as_ref().map(|provider| provider.error.as_str());
    failure.code == Code::ProviderRefused
        && matches!(error, Some("invalid_client" | "unauthorized_client"))
}
