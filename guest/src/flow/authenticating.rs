//! Adds client assertions to the requests that lack one (RFC 7523 §2.2).
//!
//! ```text
//! exchange -> sign or read-assertion -> the exchange with its assertion
//! ```
//!
//! The flows know nothing of it: every request, and every repetition, gets an assertion of
//! its own just before it is sent.

use crate::contract::{
    Action, AssertionPurpose, AssertionRequest, Client, ClientAuthentication, ClientKey, Context,
    EpochMs, Exchange, Failure, Reply, SigningRequest,
};
use crate::flow::misfit;
use crate::protocol::assertion::{Assertion, Statement, algorithm_name, compact, explain};
use crate::protocol::client_authentication::lacks_assertion;
use crate::protocol::entropy::Entropy;

pub(crate) struct Authenticating {
    issuer: Option<String>,
    secret: Option<String>,
    method: Option<ClientAuthentication>,
    key: Option<ClientKey>,
    client_id: String,
    entropy: Entropy,
    /// How many assertions were made: each has another `jti`.
    made: u32,
    pending: Option<Pending>,
    /// What the last assertion of another issuer says, for the case that it is refused.
    presented: Option<String>,
}

/// A request that waits for its assertion.
struct Pending {
    exchange: Exchange,
    /// What is being signed. `None`: the assertion is being read.
    signing_input: Option<String>,
}

impl Authenticating {
    pub(crate) fn new(client: &Client, context: &Context) -> Result<Self, Failure> {
        Ok(Self {
            issuer: client.issuer.clone(),
            secret: client.client_secret.clone(),
            method: client.authentication,
            key: client.key.clone(),
            client_id: client.id().to_owned(),
            entropy: Entropy::new(context.entropy.clone())?,
            made: 0,
            pending: None,
            presented: None,
        })
    }

    /// Returns the action to take instead of one that lacks an assertion.
    pub(crate) fn before(&mut self, action: Action, now_ms: EpochMs) -> Result<Action, Failure> {
        let Action::Exchange(exchange) = action else { return Ok(action) };
        if !lacks_assertion(&exchange) {
            return Ok(Action::Exchange(exchange));
        }
        if self.method == Some(ClientAuthentication::Assertion) {
            self.pending = Some(Pending { exchange, signing_input: None });
            let audience = self.issuer.clone();
            let request = AssertionRequest { purpose: AssertionPurpose::Client, audience };
            return Ok(Action::ReadAssertion(request));
        }
        self.made += 1;
        let named = self.key.as_ref().and_then(|key| key.audience.as_deref());
        let audience = named.or(self.issuer.as_deref()).ok_or_else(no_audience)?;
        let statement = Statement {
            client_id: &self.client_id,
            audience,
            key_id: self.key.as_ref().and_then(|key| key.id.as_deref()),
            jti: self.entropy.secret(&format!("jti {}", self.made)),
            now_ms,
        };
        match (&self.key, &self.secret) {
            (Some(ClientKey { algorithm, .. }), _)
                if self.method != Some(ClientAuthentication::ClientSecretJwt) =>
            {
                let input = statement.signing_input(algorithm_name(*algorithm));
                let request =
                    SigningRequest { algorithm: *algorithm, input: input.clone().into_bytes() };
                self.pending = Some(Pending { exchange, signing_input: Some(input) });
                Ok(Action::Sign(request))
            }
            (_, Some(secret)) => {
                let statement = Statement { key_id: None, ..statement };
                Ok(Action::Exchange(with_assertion(exchange, &statement.signed_with(secret))))
            }
            _ => Err(misfit()),
        }
    }

    /// Takes the reply that a request waits for. Returns the request, or `None` if none
    /// waits.
    pub(crate) fn after(
        &mut self,
        reply: &Reply,
        now_ms: EpochMs,
    ) -> Result<Option<Action>, Failure> {
        let Some(Pending { exchange, signing_input }) = self.pending.take() else {
            return Ok(None);
        };
        let assertion = match (signing_input, reply) {
            (Some(input), Reply::Signed(signature)) => compact(&input, signature),
            (None, Reply::Assertion(text)) => {
                let assertion = Assertion::read(text, now_ms)?;
                self.presented = assertion.in_words();
                assertion.as_str().to_owned()
            }
            _ => return Err(misfit()),
        };
        Ok(Some(Action::Exchange(with_assertion(exchange, &assertion))))
    }

    /// Adds what the last assertion says to a refusal.
    pub(crate) fn explain(&self, failure: Failure) -> Failure {
        explain(failure, self.presented.as_deref())
    }
}

/// Completes a request that ends where its assertion begins. An assertion needs no encoding.
fn with_assertion(mut exchange: Exchange, assertion: &str) -> Exchange {
    exchange.request.body.get_or_insert_default().extend_from_slice(assertion.as_bytes());
    exchange
}

fn no_audience() -> Failure {
    Failure::configuration(
        "the client cannot authenticate with a signed assertion: nothing says for whom to make it",
        "set the issuer",
    )
}
