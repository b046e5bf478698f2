//! Makes a session of another program's tokens, without a login.
//!
//! ```text
//! Ready -> AwaitingProbe -> [AwaitingMetadata] -> Completing
//! ```

use crate::contract::{Action, Client, Context, EpochMs, Failure, Tokens};
use crate::flow::completion::Completion;
use crate::flow::discovery::{self, Discovery};
use crate::flow::{Event, Step, Stop};
use crate::protocol::authorization::check_client;
use crate::protocol::client_authentication;
use crate::protocol::endpoint::Issuer;
use crate::protocol::entropy::Entropy;
use crate::protocol::metadata::Provider;
use crate::protocol::token::credential;

pub(crate) struct Adoption {
    setup: Setup,
    state: State,
}

struct Setup {
    client: Client,
    issuer: Option<Issuer>,
    given: Provider,
    assumed: Provider,
    tokens: Tokens,
    entropy: Entropy,
}

enum State {
    Ready,
    AwaitingProbe,
    AwaitingMetadata(Discovery),
    Completing(Box<Completion>),
}

impl Adoption {
    pub(crate) fn new(client: Client, tokens: Tokens, context: Context) -> Result<Self, Failure> {
        check_client(&client)?;
        let access_token = taken_over("access token", tokens.access_token)?;
        let refresh_token = taken_over("refresh token", tokens.refresh_token)?;
        if access_token.is_none() && refresh_token.is_none() {
            return Err(Failure::configuration(
                "there is neither an access token nor a refresh token to take over",
                "log in instead",
            ));
        }
        let tokens = Tokens { access_token, refresh_token, ..tokens };
        let given = Provider::given(&client)?;
        let assumed = Provider::assumed(&client)?;
        let issuer = Issuer::of(&client)?;
        let entropy = Entropy::new(context.entropy)?;
        let setup = Setup { client, issuer, given, assumed, tokens, entropy };
        Ok(Self { setup, state: State::Ready })
    }

    pub(crate) fn next(self: Box<Self>, event: Event, now_ms: EpochMs) -> Step<Self> {
        use State::*;
        let Self { setup, state } = *self;
        let (state, action) = match (state, event) {
            (Ready, Event::Begin) => (AwaitingProbe, Action::Probe),
            (AwaitingProbe, Event::Probed) => {
                match Discovery::begin(&setup.client, setup.issuer.as_ref(), false) {
                    Some((discovery, exchange)) => {
                        (AwaitingMetadata(discovery), Action::Exchange(exchange))
                    }
                    None => setup.complete(Provider::default(), now_ms)?,
                }
            }
            (AwaitingMetadata(discovery), Event::Answered(answer)) => {
                match discovery.next(answer)? {
                    discovery::Progress::Ask(discovery, exchange) => {
                        (AwaitingMetadata(discovery), Action::Exchange(exchange))
                    }
                    discovery::Progress::Found(found) => setup.complete(found, now_ms)?,
                }
            }
            (Completing(completion), event) => {
                match completion.next(&setup.client, &setup.entropy, event, now_ms) {
                    Ok((completion, action)) => (Completing(completion), action),
                    Err(stop) => {
                        return Err(stop.within(|completion| {
                            Box::new(Self { setup, state: Completing(completion) })
                        }));
                    }
                }
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
    fn complete(&self, found: Provider, now_ms: EpochMs) -> Result<(State, Action), Failure> {
        let provider = self.given.clone().or(found).or(self.assumed.clone());
        let method = client_authentication::choose(&self.client, provider.auth_methods.as_deref())?;
        let (completion, action) =
            Completion::adopt(&self.client, provider, method, self.tokens.clone(), now_ms)?;
        Ok((State::Completing(Box::new(completion)), action))
    }
}

/// Returns the token, or `None` if it is empty. Fails with `invalid-configuration` and
/// not with `invalid-token-response`: the token comes from the caller and not from the
/// provider.
fn taken_over(what: &str, token: Option<String>) -> Result<Option<String>, Failure> {
    credential(what, token).map_err(|_| {
        Failure::configuration(
            format!("the {what} holds characters that no token may have"),
            "pass it on as it was issued, without line ends",
        )
    })
}

impl State {
    fn expected(&self) -> &'static str {
        match self {
            Self::Ready => "begin",
            Self::AwaitingProbe => "probed",
            Self::AwaitingMetadata(_) => "the answer to a request",
            // [`Completion`] reports what it expects itself.
            Self::Completing(_) => "a reply that fits",
        }
    }
}
