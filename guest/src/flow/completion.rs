//! Completes a login: from the token response to the saved session.
//!
//! ```text
//! [AwaitingKeys] -> [AwaitingUserinfo] -> [AwaitingUnsealing] -> AwaitingLock -> AwaitingSave -> done
//! ```

use crate::contract::{
    Action, Client, ClientAuthentication, Code, EpochMs, Failure, Grant, Outcome, Reply, Response,
    TokenSource, Tokens,
};
use crate::flow::Progress::{Continue, Done};
use crate::flow::granting::{grant, remember};
use crate::flow::identity::Identity;
use crate::flow::unsealing::{Recipient, Subject, Unsealing};
use crate::flow::{Progress, Save, Step, misfit, response};
use crate::protocol::authorization::wants_id_token;
use crate::protocol::authorization_details::unconfirmed;
use crate::protocol::dialect::{parse_user_response, user_request};
use crate::protocol::entropy::Entropy;
use crate::protocol::id_token::{
    Demands, Expectations, IdToken, Occasion, display_name, text, unanswered,
};
use crate::protocol::metadata::{IdTokenCheck, Provider};
use crate::protocol::schedule;
use crate::protocol::stored::{Resource, Stored};
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

#[allow(clippy::enum_variant_names, reason = "a state is named for what it waits for")]
enum State {
    AwaitingKeys { session: Stored, identity: Box<Identity> },
    AwaitingUserinfo { session: Stored },
    AwaitingUnsealing { session: Stored, unsealing: Unsealing },
    AwaitingLock { session: Stored },
    AwaitingSave { session: Stored, save: Save },
}

/// Facts about the token request that the response was received for.
pub(crate) struct LoginContext {
    pub(crate) provider: Provider,
    pub(crate) method: ClientAuthentication,
    /// The redirect that brought the authorization code. `None` if there was none.
    pub(crate) redirect: Option<AnsweredRedirect>,
    pub(crate) demands: Demands,
    pub(crate) remarks: Remarks,
    /// The resource that a login by URL is for. `None` for other logins.
    pub(crate) resource: Option<Resource>,
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
    ) -> Step<Self, Outcome> {
        let LoginContext { provider, method, redirect, demands, mut remarks, resource } = context;
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
            client_id: client.id().to_owned(),
            client_secret: accepted_secret(client, check),
            is_encrypted: client.decrypts,
            access_token: token.access_token.clone(),
            occasion: Occasion::Login {
                nonce: nonce.clone(),
                code,
                algorithms: provider.id_token_algorithms.clone(),
                demands,
            },
        });
        remarks.notices.extend(unconfirmed(client, token.authorization_details.as_ref()));
        let jwks_uri = provider.jwks_uri.clone();
        let session = Stored {
            scopes: token.scopes.unwrap_or_else(|| client.scopes.clone()),
            access_token: Some(token.access_token),
            token_type: token.token_type,
            refresh_token: token.refresh_token,
            nonce,
            expires_at_ms,
            id_token_check: check,
            resource,
            authorization_details: token.authorization_details,
            ..session_at(provider, client, method, now_ms)
        };
        let progress = match (token.id_token, expected) {
            (Some(id_token), Some(expected)) if check != IdTokenCheck::Nothing => {
                let identity = Identity::begin(id_token, expected, jwks_uri, None, now_ms)?;
                verified(client, session, identity)?
            }
            (None, _) if is_promised && check != IdTokenCheck::Nothing => {
                return Err(Failure::new(
                    Code::InvalidIdToken,
                    "the token response has no ID token although the scope openid was requested",
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
        Ok(progress.within(|state| Self { state, remarks }))
    }

    /// Makes a session of tokens that were issued to another program. With a refresh
    /// token alone, the access token is renewed before its first use.
    pub(crate) fn adopt(
        client: &Client,
        provider: Provider,
        method: ClientAuthentication,
        tokens: Tokens,
        now_ms: EpochMs,
    ) -> Step<Self, Outcome> {
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
        let progress = match is_good {
            true => request_name(client, session)?,
            // Without a valid access token, userinfo cannot be asked.
            false => Continue(State::AwaitingLock { session }, Action::Lock),
        };
        Ok(progress.within(|state| Self { state, remarks: Remarks::default() }))
    }

    pub(crate) fn next(
        self,
        client: &Client,
        entropy: &Entropy,
        reply: Reply,
        now_ms: EpochMs,
    ) -> Step<Self, Outcome> {
        use State::*;
        let Self { state, remarks } = self;
        let progress = match (state, reply) {
            (AwaitingKeys { session, identity }, reply) => {
                verified(client, session, identity.next(reply, now_ms)?)?
            }
            (AwaitingUserinfo { session }, Reply::Answered(answer)) => {
                let what = "the userinfo endpoint";
                let unsealing = response(answer, what, Code::InvalidUserinfo).and_then(|answer| {
                    Unsealing::begin(&recipient(client, &session), Subject::User, answer)
                });
                read_name(client, session, unsealing)?
            }
            (AwaitingUnsealing { session, unsealing }, reply) => {
                let unsealing = unsealing.next(&recipient(client, &session), reply);
                read_name(client, session, unsealing)?
            }
            (AwaitingLock { session }, Reply::Locked(stored)) => {
                Stored::check_replaceable(client, stored.as_deref())?;
                let (save, action) = Save::begin(session.to_bytes());
                Continue(AwaitingSave { session, save }, action)
            }
            (AwaitingSave { session, save }, reply) => match save.next(reply, NOT_SAVED_REMEDY)? {
                Continue(save, action) => Continue(AwaitingSave { session, save }, action),
                Done(()) => {
                    let Remarks { notices, refused_parameters } = remarks;
                    let grant = grant(client, session, entropy, TokenSource::Login);
                    return Ok(Done(Outcome::Granted(Grant {
                        notices,
                        refused_parameters,
                        ..grant
                    })));
                }
            },
            _ => return Err(misfit()),
        };
        Ok(progress.within(|state| Self { state, remarks }))
    }
}

const NOT_SAVED_REMEDY: &str = "free some space or repair the store, then log in again";

const UNCHECKED: &str = "this client cannot check the signature of the provider's ID tokens, so the ID token is not used";

/// The client secret, if ID tokens may be signed with it.
pub(super) fn accepted_secret(client: &Client, check: IdTokenCheck) -> Option<String> {
    client.client_secret.clone().filter(|_| check == IdTokenCheck::KeysAndSecret)
}

/// Returns a session with this provider's endpoints, and with no token yet.
pub(crate) fn session_at(
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

fn verified(
    client: &Client,
    mut session: Stored,
    identity: Progress<Identity, IdToken>,
) -> Step<State, Outcome> {
    match identity {
        Continue(identity, action) => {
            Ok(Continue(State::AwaitingKeys { session, identity: Box::new(identity) }, action))
        }
        Done(id_token) => {
            remember(&mut session, id_token);
            request_name(client, session)
        }
    }
}

fn recipient<'a>(client: &'a Client, session: &'a Stored) -> Recipient<'a> {
    Recipient { client, session, jwks_uri: session.jwks_uri.as_ref() }
}

/// Reads the user's name from a userinfo response. The name is optional: only a response about
/// another user matters.
fn read_name(
    client: &Client,
    mut session: Stored,
    response: Step<Unsealing, Response>,
) -> Step<State, Outcome> {
    let subject = session.subject.as_deref();
    match response {
        Ok(Continue(unsealing, action)) => {
            return Ok(Continue(State::AwaitingUnsealing { session, unsealing }, action));
        }
        Ok(Done(response)) => match parse_user_response(client, &response, subject) {
            Ok(claims) => {
                session.display_name = display_name(&claims);
                if session.subject.is_none() {
                    session.subject = text(&claims, "sub").map(str::to_owned);
                }
            }
            Err(Rejection::AnotherUser) => return Err(another_user()),
            Err(_) => {}
        },
        Err(_) => {}
    }
    Ok(Continue(State::AwaitingLock { session }, Action::Lock))
}

/// Requests the user's name if the ID token does not contain one.
fn request_name(client: &Client, session: Stored) -> Step<State, Outcome> {
    // The token is for the resource. Without `openid`, it is none of the issuer's business.
    let is_for_resource = client.resource_url.is_some() && !wants_id_token(client);
    let request = match session.display_name {
        None if is_for_resource => None,
        None => user_request(client, &Provider::default(), &session)?,
        Some(_) => None,
    };
    Ok(match request {
        Some(exchange) => Continue(State::AwaitingUserinfo { session }, Action::Exchange(exchange)),
        None => Continue(State::AwaitingLock { session }, Action::Lock),
    })
}
