//! Makes a session of another program's tokens, without a login.
//!
//! ```text
//! Ready -> AwaitingProbe -> [AwaitingMetadata] -> Completing
//! ```

use crate::contract::{Action, Client, Context, EpochMs, Failure, Outcome, Reply, Tokens};
use crate::flow::Progress::{Continue, Done};
use crate::flow::completion::Completion;
use crate::flow::discovery::Discovery;
use crate::flow::{Progress, Step, misfit};
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
                "there is neither an access token nor a refresh token to import",
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

    pub(crate) fn next(self, reply: Reply, now_ms: EpochMs) -> Step<Self, Outcome> {
        use State::*;
        let Self { setup, state } = self;
        let progress = match (state, reply) {
            (Ready, Reply::Begin) => Continue(AwaitingProbe, Action::Probe),
            (AwaitingProbe, Reply::Probed) => {
                let issuer = setup.issuer.as_ref();
                setup.discovered(Discovery::begin(&setup.client, issuer, false), now_ms)?
            }
            (AwaitingMetadata(discovery), reply) => {
                setup.discovered(discovery.next(reply)?, now_ms)?
            }
            (Completing(completion), reply) => {
                completion.next(&setup.client, &setup.entropy, reply, now_ms)?.within(completing)
            }
            _ => return Err(misfit()),
        };
        Ok(progress.within(|state| Self { setup, state }))
    }
}

impl Setup {
    fn discovered(
        &self,
        discovery: Progress<Discovery, Provider>,
        now_ms: EpochMs,
    ) -> Step<State, Outcome> {
        let found = match discovery {
            Continue(discovery, action) => {
                return Ok(Continue(State::AwaitingMetadata(discovery), action));
            }
            Done(found) => found,
        };
        let provider = self.given.clone().or(found).or(self.assumed.clone());
        let method = client_authentication::choose(&self.client, provider.auth_methods.as_deref())?;
        let tokens = self.tokens.clone();
        let completion = Completion::adopt(&self.client, provider, method, tokens, now_ms)?;
        Ok(completion.within(completing))
    }
}

fn completing(completion: Completion) -> State {
    State::Completing(Box::new(completion))
}

/// Returns the token, or `None` if it is empty. Fails with `invalid-configuration` and
/// not with `invalid-token-response`: the token comes from the caller and not from the
/// provider.
fn taken_over(what: &str, token: Option<String>) -> Result<Option<String>, Failure> {
    credential(what, token).map_err(|_| {
        Failure::configuration(
            format!("the {what} contains characters that are not allowed in a token"),
            "pass it exactly as issued, without line breaks",
        )
    })
}
