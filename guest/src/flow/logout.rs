//! Ends a session: revokes its tokens at the provider if possible (RFC 7009), and deletes
//! it here in any case. Also removes the client that this program registered, if that was
//! asked for.

use crate::contract::{
    Action, Client, Code, EpochMs, Exchange, Failure, LogoutReport, Outcome, Reply, TokenHint,
    Unrevoked, UnrevokedCause,
};
use crate::flow::Progress::{Continue, Done};
use crate::flow::registration::{Removal, kept};
use crate::flow::{Step, misfit, not_saved, response};
use crate::protocol::client_authentication;
use crate::protocol::dialect;
use crate::protocol::end_session::end_session_url;
use crate::protocol::hexclave::parse_refresh_response;
use crate::protocol::metadata::Provider;
use crate::protocol::revocation::{parse_revocation_response, revocation_request, unrevoked};
use crate::protocol::stored::Stored;
use crate::protocol::token::{TokenResponse, voids_refresh_token};

pub(crate) struct Logout {
    setup: Setup,
    state: State,
}

struct Setup {
    client: Client,
    given: Provider,
    unregister: bool,
    /// The client that this program registered for the session.
    registered: Option<Registered>,
}

struct Registered {
    issuer: String,
    client_id: String,
}

enum State {
    Ready,
    AwaitingLock,
    /// Waits for a new access token: Hexclave requires one to end a session.
    AwaitingAccess {
        refresh_token: String,
    },
    AwaitingRevocation {
        current: TokenHint,
        pending: Vec<Revocation>,
        report: LogoutReport,
    },
    AwaitingRemoval(Removal, LogoutReport),
    AwaitingDeletion(LogoutReport),
}

struct Revocation {
    token: TokenHint,
    exchange: Exchange,
}

impl Logout {
    pub(crate) fn new(
        client: Client,
        stored: Option<&[u8]>,
        unregister: bool,
    ) -> Result<Self, Failure> {
        let given = Provider::given(&client)?;
        Stored::parse_for(&client, stored)?;
        let setup = Setup { client, given, unregister, registered: None };
        Ok(Self { setup, state: State::Ready })
    }

    pub(crate) fn next(self, reply: Reply, now_ms: EpochMs) -> Step<Self, Outcome> {
        use State::*;
        let Self { mut setup, state } = self;
        let (state, action) = match (state, reply) {
            (Ready, Reply::Begin) => (AwaitingLock, Action::Lock),
            (AwaitingLock, Reply::Locked(stored)) => {
                match Stored::parse_for(&setup.client, stored.as_deref())? {
                    Some(session) => {
                        if let Some(client) = session.found_client(&setup.client) {
                            setup.client = client;
                        }
                        setup.registered = registered(&session);
                        setup.end(session)?
                    }
                    None => return Ok(Done(Outcome::LoggedOut(report(false, None)))),
                }
            }
            (AwaitingAccess { refresh_token }, Reply::Answered(answer)) => {
                let answer = response(answer, "the session endpoint", Code::InvalidTokenResponse)
                    .and_then(|response| parse_refresh_response(&response, now_ms));
                setup.sign_out(&refresh_token, answer)?
            }
            (AwaitingRevocation { current, pending, mut report }, Reply::Answered(answer)) => {
                let result =
                    response(answer, "the revocation endpoint", Code::InvalidTokenResponse)
                        .map_err(|failure| unrevoked(current, failure))
                        .and_then(|response| parse_revocation_response(current, &response));
                note(&mut report, current, result);
                setup.next_revocation(pending, report)
            }
            (AwaitingRemoval(removal, mut report), reply) => match removal.next(reply)? {
                Continue(removal, action) => (AwaitingRemoval(removal, report), action),
                Done(end) => {
                    report.registration = Some(end);
                    delete(report)
                }
            },
            (AwaitingDeletion(report), Reply::Saved) => {
                return Ok(Done(Outcome::LoggedOut(report)));
            }
            (AwaitingDeletion(_), Reply::NotSaved(reason)) => {
                return Err(not_saved(
                    &reason,
                    "the tokens are still stored: repair the store, then log out again",
                ));
            }
            _ => return Err(misfit()),
        };
        Ok(Continue(Self { setup, state }, action))
    }
}

impl Setup {
    /// Revokes the tokens that can be revoked. The refresh token comes first, because it
    /// is worth more.
    fn end(&self, session: Stored) -> Result<(State, Action), Failure> {
        if let Some(refresh_token) = &session.refresh_token
            && let Some(api) = dialect::api(&self.client)?
        {
            let exchange = api.refresh_request(refresh_token);
            let refresh_token = refresh_token.clone();
            return Ok((State::AwaitingAccess { refresh_token }, Action::Exchange(exchange)));
        }
        let mut report = report(true, self.end_session_url(&session));
        let mut pending = Vec::new();
        let others = session.other_access_tokens().map(|text| (TokenHint::AccessToken, text));
        let own = session.access_token.iter().map(|text| (TokenHint::AccessToken, text));
        let refresh = session.refresh_token.iter().map(|text| (TokenHint::RefreshToken, text));
        for (token, text) in others.chain(own).chain(refresh) {
            match self.revocation_request(&session, text, token) {
                Ok(exchange) => pending.push(Revocation { token, exchange }),
                Err(unrevoked) => note(&mut report, token, Err(unrevoked)),
            }
        }
        Ok(self.next_revocation(pending, report))
    }

    /// Ends a Hexclave session with the access token in `answer`.
    fn sign_out(
        &self,
        refresh_token: &str,
        answer: Result<TokenResponse, Failure>,
    ) -> Result<(State, Action), Failure> {
        let mut report = report(true, None);
        let mut pending = Vec::new();
        let token = TokenHint::RefreshToken;
        match answer {
            Ok(access) => {
                let api = dialect::api(&self.client)?;
                pending.extend(api.map(|api| {
                    let exchange = api.sign_out_request(&access.access_token, refresh_token);
                    Revocation { token, exchange }
                }));
            }
            // The session had already ended at the provider.
            Err(failure) if voids_refresh_token(&failure) => report.revoked.push(token),
            Err(failure) => report.not_revoked.push(unrevoked(token, failure)),
        }
        Ok(self.next_revocation(pending, report))
    }

    /// Sends the last revocation of the list. If none is left, removes the client or deletes
    /// the session.
    fn next_revocation(
        &self,
        mut pending: Vec<Revocation>,
        mut report: LogoutReport,
    ) -> (State, Action) {
        if let Some(Revocation { token, exchange }) = pending.pop() {
            let state = State::AwaitingRevocation { current: token, pending, report };
            return (state, Action::Exchange(exchange));
        }
        if !self.unregister {
            return delete(report);
        }
        let Some(Registered { issuer, client_id }) = &self.registered else {
            report.registration = Some(kept("this program did not register it"));
            return delete(report);
        };
        let (removal, action) = Removal::begin(issuer, client_id);
        (State::AwaitingRemoval(removal, report), action)
    }

    fn end_session_url(&self, session: &Stored) -> Option<String> {
        let given = self.given.end_session_endpoint.as_ref();
        let endpoint = given.or(session.end_session_endpoint.as_ref())?;
        end_session_url(endpoint, &session.client_id, session.id_token.as_deref())
    }

    /// Returns the revocation request for one token. The error says why the token stays
    /// valid.
    fn revocation_request(
        &self,
        session: &Stored,
        text: &str,
        token: TokenHint,
    ) -> Result<Exchange, Unrevoked> {
        let given = self.given.revocation_endpoint.as_ref();
        let endpoint = given.or(session.revocation_endpoint.as_ref()).ok_or_else(|| Unrevoked {
            token,
            cause: UnrevokedCause::NotOffered,
            reason: "the provider has no revocation endpoint".to_owned(),
        })?;
        let method = client_authentication::keep(&self.client, session.authentication.into())
            .map_err(|failure| unrevoked(token, failure))?;
        Ok(revocation_request(endpoint, &self.client, method, text, token))
    }
}

/// Reports what became of a token. Several access tokens with one fate are told once.
fn note(report: &mut LogoutReport, token: TokenHint, result: Result<(), Unrevoked>) {
    match result {
        Ok(()) if !report.revoked.contains(&token) => report.revoked.push(token),
        Err(unrevoked) if !report.not_revoked.iter().any(|known| known.token == token) => {
            report.not_revoked.push(unrevoked);
        }
        _ => {}
    }
}

fn delete(report: LogoutReport) -> (State, Action) {
    (State::AwaitingDeletion(report), Action::Save(None))
}

fn registered(session: &Stored) -> Option<Registered> {
    session.resource.as_ref().filter(|resource| resource.is_registered)?;
    Some(Registered { issuer: session.issuer.clone()?, client_id: session.client_id.clone() })
}

fn report(was_logged_in: bool, end_session_url: Option<String>) -> LogoutReport {
    LogoutReport {
        was_logged_in,
        revoked: Vec::new(),
        not_revoked: Vec::new(),
        end_session_url,
        registration: None,
    }
}
