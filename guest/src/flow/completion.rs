//! Completes a login: from the token response to the saved session.
//!
//! ```text
//! [AwaitingKeys] -> [AwaitingUserinfo] -> AwaitingLock -> AwaitingSave -> done
//! ```

use crate::contract::{
    Action, Client, ClientAuthentication, Code, EpochMs, Failure, Grant, Outcome, TokenSource,
    Tokens,
};
use crate::flow::granting::{grant, remember};
use crate::flow::identity::{self, Identity};
use crate::flow::{Event, Save, Step, Stop, response};
use crate::protocol::authorization::wants_id_token;
use crate::protocol::dialect::{parse_user_response, user_request};
use crate::protocol::entropy::Entropy;
use crate::protocol::id_token::{Demands, Expectations, Occasion, display_name, text, unanswered};
use crate::protocol::metadata::{IdTokenCheck, Provider};
use crate::protocol::schedule;
use crate::protocol::stored::Stored;
use crate::protocol::token::TokenResponse;
use crate::protocol::userinfo::{Rejection, another_user};

pub(crate) struct Completion {
    state: State,
    remarks: Remarks,
}

/// Notices and findings of a login, for the grant.
#[derive(Clone, Default)]
pub(crate) struct Remarks {
    pub(crate) notices: Vec<String>,
    pub(crate) refused_parameters: Vec<String>,
}

enum State {
    AwaitingKeys { session: Stored, identity: Box<Identity> },
    AwaitingUserinfo { session: Stored },
    AwaitingLock { session: Stored },
    AwaitingSave { session: Stored, save: Save },
    Ended,
}

/// Facts about the token request that the response was received for.
pub(crate) struct LoginContext {
    pub(crate) provider: Provider,
    pub(crate) method: ClientAuthentication,
    /// The redirect that brought the authorization code. `None` if there was none.
    pub(crate) redirect: Option<AnsweredRedirect>,
    pub(crate) demands: Demands,
    pub(crate) remarks: Remarks,
}

/// Values of the redirect that the ID token may refer to.
pub(crate) struct AnsweredRedirect {
    pub(crate) nonce: Option<String>,
    pub(crate) code: String,
}

impl Completion {
    pub(crate) fn begin(
        client: &Client,
        context: LoginContext,
        token: TokenResponse,
        now_ms: EpochMs,
    ) -> Result<(Self, Action), Failure> {
        let LoginContext { provider, method, redirect, demands, mut remarks } = context;
        let (nonce, code) =
            redirect.map_or((None, None), |redirect| (redirect.nonce, Some(redirect.code)));
        // OpenID Connect guarantees an ID token for an authorization code only. With a
        // device code, some providers send none.
        let is_promised = code.is_some() && wants_id_token(client);
        let check = provider.id_token_check(client).unwrap_or(IdTokenCheck::Nothing);
        let demanded = demands.parameter();
        let expires_at_ms = token.expires_at_ms(token.refresh_token.is_some(), now_ms);
        let expected = provider.issuer_name(client).map(|issuer| Expectations {
            issuer,
            client_id: client.client_id.clone(),
            client_secret: accepted_secret(client, check),
            access_token: token.access_token.clone(),
            occasion: Occasion::Login {
                nonce: nonce.clone(),
                code,
                algorithms: provider.id_token_algorithms.clone(),
                demands,
            },
        });
        let jwks_uri = provider.jwks_uri.clone();
        let session = Stored {
            scopes: token.scopes.unwrap_or_else(|| client.scopes.clone()),
            access_token: Some(token.access_token),
            token_type: token.token_type,
            refresh_token: token.refresh_token,
            nonce,
            expires_at_ms,
            id_token_check: check,
            ..session_at(provider, client, method, now_ms)
        };
        let (state, action) = match (token.id_token, expected) {
            (Some(id_token), Some(expected)) if check != IdTokenCheck::Nothing => {
                let progress = Identity::begin(id_token, expected, jwks_uri, None, now_ms)?;
                after_id_token(client, session, progress)?
            }
            (None, _) if is_promised && check != IdTokenCheck::Nothing => {
                return Err(Failure::new(
                    Code::InvalidIdToken,
                    "the token response has no ID token though the scope openid was asked for",
                    "check that this client may use the scope openid, or leave it out",
                ));
            }
            // An ID token that cannot be checked is ignored.
            (id_token, _) => {
                if let Some(parameter) = demanded {
                    return Err(unanswered(parameter));
                }
                if id_token.is_some() && wants_id_token(client) {
                    remarks.notices.push(UNCHECKED.to_owned());
                }
                request_name(client, session)?
            }
        };
        Ok((Self { state, remarks }, action))
    }

    /// Makes a session of tokens that were issued to another program. With a refresh
    /// token alone, the access token is renewed before its first use.
    pub(crate) fn adopt(
        client: &Client,
        provider: Provider,
        method: ClientAuthentication,
        tokens: Tokens,
        now_ms: EpochMs,
    ) -> Result<(Self, Action), Failure> {
        let renewable = tokens.refresh_token.is_some();
        // An access token of unknown age is dropped if it can be renewed.
        let usable = tokens.expires_at_ms.is_some() || !renewable;
        let access_token = tokens.access_token.filter(|_| usable);
        let session = Stored {
            id_token_check: provider.id_token_check(client).unwrap_or(IdTokenCheck::Nothing),
            scopes: tokens.scopes.unwrap_or_else(|| client.scopes.clone()),
            access_token,
            token_type: "Bearer".to_owned(),
            refresh_token: tokens.refresh_token,
            expires_at_ms: tokens.expires_at_ms,
            ..session_at(provider, client, method, now_ms)
        };
        let is_good = schedule::is_fresh(&session, 0, now_ms);
        let (state, action) = match is_good {
            true => request_name(client, session)?,
            // Without a valid access token, userinfo cannot be asked.
            false => (State::AwaitingLock { session }, Action::Lock),
        };
        Ok((Self { state, remarks: Remarks::default() }, action))
    }

    pub(crate) fn next(
        self: Box<Self>,
        client: &Client,
        entropy: &Entropy,
        event: Event,
        now_ms: EpochMs,
    ) -> Step<Self> {
        use State::*;
        let Self { state, remarks } = *self;
        let (state, action) = match (state, event) {
            (AwaitingKeys { session, identity }, Event::Answered(answer)) => {
                after_id_token(client, session, identity.next(answer, now_ms)?)?
            }
            (AwaitingUserinfo { mut session }, Event::Answered(answer)) => {
                let answer = response(answer, "the userinfo endpoint", Code::InvalidUserinfo);
                // The display name is optional: only a response about another user
                // matters.
                if let Ok(response) = answer {
                    match parse_user_response(client, &response, session.subject.as_deref()) {
                        Ok(claims) => {
                            session.display_name = display_name(&claims);
                            if session.subject.is_none() {
                                session.subject = text(&claims, "sub").map(str::to_owned);
                            }
                        }
                        Err(Rejection::AnotherUser) => return Err(another_user().into()),
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
                let Remarks { notices, refused_parameters } = remarks.clone();
                let grant = Grant {
                    notices,
                    refused_parameters,
                    ..grant(client, session, entropy, TokenSource::Login)
                };
                (Ended, Action::Done(Outcome::Granted(grant)))
            }
            (AwaitingSave { session, save }, Event::NotSaved(reason)) => {
                let (save, action) =
                    save.retry(&reason, "make room or mend the store, then log in again")?;
                (AwaitingSave { session, save }, action)
            }
            (state, _) => {
                let expected = state.expected();
                return Err(Stop::Misfit(Box::new(Self { state, remarks }), expected));
            }
        };
        Ok((Box::new(Self { state, remarks }), action))
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

const UNCHECKED: &str = "this client cannot check the signature of the provider's ID tokens, so the ID token is not used";

/// The client secret, if ID tokens may be signed with it.
pub(super) fn accepted_secret(client: &Client, check: IdTokenCheck) -> Option<String> {
    client.client_secret.clone().filter(|_| check == IdTokenCheck::KeysAndSecret)
}

/// A session with this provider's endpoints, and with no token yet.
fn session_at(
    provider: Provider,
    client: &Client,
    method: ClientAuthentication,
    now_ms: EpochMs,
) -> Stored {
    Stored {
        token_endpoint: provider.token_endpoint,
        userinfo_endpoint: provider.userinfo_endpoint,
        revocation_endpoint: provider.revocation_endpoint,
        jwks_uri: provider.jwks_uri,
        end_session_endpoint: provider.end_session_endpoint,
        introspection_endpoint: provider.introspection_endpoint,
        tokeninfo_endpoint: provider.tokeninfo_endpoint,
        issuer_name: provider.issuer.map(|name| name.as_str().to_owned()),
        ..Stored::new(client, method, now_ms)
    }
}

fn after_id_token(
    client: &Client,
    mut session: Stored,
    progress: identity::Progress,
) -> Result<(State, Action), Failure> {
    match progress {
        identity::Progress::Ask(identity, exchange) => {
            Ok((State::AwaitingKeys { session, identity }, Action::Exchange(exchange)))
        }
        identity::Progress::Verified(id_token) => {
            remember(&mut session, id_token);
            request_name(client, session)
        }
    }
}

/// Requests the user's name if the ID token does not contain one.
fn request_name(client: &Client, session: Stored) -> Result<(State, Action), Failure> {
    let request = match session.display_name {
        None => user_request(client, &Provider::default(), &session)?,
        Some(_) => None,
    };
    Ok(match request {
        Some(exchange) => (State::AwaitingUserinfo { session }, Action::Exchange(exchange)),
        None => (State::AwaitingLock { session }, Action::Lock),
    })
}
