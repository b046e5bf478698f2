//! The end of every login: from the token response to the saved session.
//!
//! ```text
//! [AwaitingKeys] -> [AwaitingUserinfo] -> AwaitingLock -> AwaitingSave -> done
//! ```

use crate::contract::{
    Action, Client, ClientAuthentication, Code, EpochMs, Failure, Outcome, TokenSource,
};
use crate::flow::granting::{grant, remember};
use crate::flow::identity::{self, Identity};
use crate::flow::{Event, Save, Step, Stop, response};
use crate::protocol::authorization::wants_id_token;
use crate::protocol::entropy::Entropy;
use crate::protocol::id_token::{Expectations, Occasion, display_name};
use crate::protocol::metadata::Provider;
use crate::protocol::stored::Stored;
use crate::protocol::token::TokenResponse;
use crate::protocol::userinfo::{
    Rejection, another_person, parse_userinfo_response, userinfo_request,
};

pub(crate) struct Completion(State);

enum State {
    AwaitingKeys { session: Stored, identity: Identity },
    AwaitingUserinfo { session: Stored },
    AwaitingLock { session: Stored },
    AwaitingSave { session: Stored, save: Save },
    Ended,
}

/// What a login knows of the tokens that it has just got.
pub(crate) struct Arrival {
    pub(crate) provider: Provider,
    pub(crate) method: ClientAuthentication,
    pub(crate) nonce: Option<String>,
    pub(crate) occasion: Occasion,
}

impl Completion {
    pub(crate) fn begin(
        client: &Client,
        arrival: Arrival,
        token: TokenResponse,
        now_ms: EpochMs,
    ) -> Result<(Self, Action), Failure> {
        let Arrival { provider, method, nonce, occasion } = arrival;
        let expected = client.issuer.clone().map(|issuer| Expectations {
            issuer,
            client_id: client.client_id.clone(),
            access_token: token.access_token.clone(),
            occasion,
        });
        let session = Stored {
            token_endpoint: provider.token_endpoint,
            userinfo_endpoint: provider.userinfo_endpoint,
            revocation_endpoint: provider.revocation_endpoint,
            jwks_uri: provider.jwks_uri.clone(),
            end_session_endpoint: provider.end_session_endpoint,
            scopes: token.scopes.unwrap_or_else(|| client.scopes.clone()),
            access_token: Some(token.access_token),
            token_type: token.token_type,
            refresh_token: token.refresh_token,
            nonce,
            expires_at_ms: token
                .expires_in_s
                .map(|s| now_ms.saturating_add(s.saturating_mul(1000))),
            ..Stored::new(client, method, now_ms)
        };
        let (state, action) = match (token.id_token, expected, provider.jwks_uri) {
            (Some(id_token), Some(expected), Some(jwks_uri)) => {
                identified(session, Identity::begin(id_token, expected, jwks_uri, None, now_ms)?)
            }
            (None, ..) if wants_id_token(client) => {
                return Err(Failure::new(
                    Code::InvalidIdToken,
                    "the token response has no ID token though the scope openid was asked for",
                    "check that this client may use the scope openid, or leave it out",
                ));
            }
            // One that nobody asked for and nobody can check is not believed.
            _ => named(session),
        };
        Ok((Self(state), action))
    }

    pub(crate) fn next(
        self: Box<Self>,
        client: &Client,
        entropy: &Entropy,
        event: Event,
        now_ms: EpochMs,
    ) -> Step<Self> {
        use State::*;
        let (state, action) = match (self.0, event) {
            (AwaitingKeys { session, identity }, Event::Answered(answer)) => {
                identified(session, identity.next(answer, now_ms)?)
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
                (AwaitingLock { session }, Action::Lock)
            }
            (AwaitingLock { session }, Event::Locked(stored)) => {
                Stored::parse_for(client, stored.as_deref())?;
                let (save, action) = Save::begin(session.to_bytes());
                (AwaitingSave { session, save }, action)
            }
            (AwaitingSave { session, .. }, Event::Saved) => {
                let grant = grant(session, entropy, TokenSource::Login);
                (Ended, Action::Done(Outcome::Granted(grant)))
            }
            (AwaitingSave { session, save }, Event::NotSaved(reason)) => {
                let (save, action) =
                    save.again(&reason, "make room or mend the store, then log in again")?;
                (AwaitingSave { session, save }, action)
            }
            (state, _) => {
                let expected = state.expected();
                return Err(Stop::Misfit(Box::new(Self(state)), expected));
            }
        };
        Ok((Box::new(Self(state)), action))
    }
}

impl State {
    fn expected(&self) -> &'static str {
        match self {
            Self::AwaitingKeys { .. } | Self::AwaitingUserinfo { .. } => "the answer to a request",
            Self::AwaitingLock { .. } => "locked",
            Self::AwaitingSave { .. } => "saved or not-saved",
            Self::Ended => "nothing more: this session has ended",
        }
    }
}

fn identified(mut session: Stored, progress: identity::Progress) -> (State, Action) {
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

/// Asks for the person's name where the ID token does not tell it.
fn named(session: Stored) -> (State, Action) {
    match (&session.userinfo_endpoint, &session.access_token) {
        (Some(endpoint), Some(access_token)) if session.display_name.is_none() => {
            let exchange = userinfo_request(endpoint, access_token);
            (State::AwaitingUserinfo { session }, Action::Exchange(exchange))
        }
        _ => (State::AwaitingLock { session }, Action::Lock),
    }
}
