//! Adds to requests what proves who sends them: client assertions (RFC 7523 §2.2) and DPoP
//! proofs (RFC 9449).
//!
//! ```text
//! exchange -> [sign or read-assertion] -> [sign] -> the exchange with its proofs
//!          -> refused for its nonce -> the same once more, with the nonce
//! ```
//!
//! The flows know nothing of it: every request, and every repetition, gets proofs of its own
//! just before it is sent.

use crate::contract::{
    Action, AssertionPurpose, AssertionRequest, Client, ClientAuthentication, ClientKey, Context,
    DpopKey, EpochMs, Exchange, Failure, Purpose, Reply, SigningAlgorithm, SigningKey,
    SigningRequest,
};
use crate::flow::misfit;
use crate::protocol::assertion::{Assertion, Statement, algorithm_name, compact, explain};
use crate::protocol::client_authentication::{add_assertion, lacking_assertion};
use crate::protocol::dpop::{
    DPOP, Proof, asks_for_nonce, bound_token, is_proven, method_name, nonce,
};
use crate::protocol::entropy::Entropy;
use crate::protocol::id_token::CLOCK_SKEW_MS;
use crate::protocol::request::{date_ms, find_header, header};

pub(crate) struct Proving {
    client: Identity,
    dpop: Option<DpopKey>,
    entropy: Entropy,
    /// How many proofs were made: each has another `jti`.
    made: u32,
    pending: Option<Pending>,
    /// The last request.
    last: Option<Last>,
    /// What the last assertion of another issuer says, for the case that it is refused.
    presented: Option<String>,
    /// Whether an assertion of another issuer was read, for whatever it is.
    has_read: bool,
    /// How far this machine's clock is from the provider's, in words, if that is too far.
    clock: Option<String>,
    nonces: Nonces,
}

/// What the client has to prove who it is.
struct Identity {
    id: String,
    secret: Option<String>,
    method: Option<ClientAuthentication>,
    key: Option<ClientKey>,
}

/// The nonces of the next proofs (RFC 9449 §8, §9): those of the provider as one that issues
/// tokens, and as one that takes them, are apart.
#[derive(Default)]
struct Nonces {
    issuing: Option<String>,
    taking: Option<String>,
}

/// A request that was sent.
struct Last {
    /// As the flow made it.
    exchange: Exchange,
    /// Whether it was sent again for its nonce.
    is_repeated: bool,
}

/// A request that waits for a proof.
struct Pending {
    exchange: Exchange,
    lacks: Lacks,
}

enum Lacks {
    /// The signature of this client assertion.
    Assertion(String),
    /// The client assertion of another issuer.
    ForeignAssertion,
    /// The signature of this DPoP proof.
    Proof(String),
}

impl Nonces {
    fn of(&mut self, purpose: Purpose) -> &mut Option<String> {
        match purpose {
            Purpose::Userinfo => &mut self.taking,
            _ => &mut self.issuing,
        }
    }
}

impl Proving {
    pub(crate) fn new(client: &Client, context: &Context) -> Result<Self, Failure> {
        Ok(Self {
            client: Identity {
                id: client.id().to_owned(),
                secret: client.client_secret.clone(),
                method: client.authentication,
                key: client.key.clone(),
            },
            dpop: client.dpop.clone(),
            entropy: Entropy::new(context.entropy.clone())?,
            made: 0,
            pending: None,
            last: None,
            presented: None,
            has_read: false,
            clock: None,
            nonces: Nonces::default(),
        })
    }

    /// Returns the action to take instead of one that lacks a proof.
    pub(crate) fn before(&mut self, action: Action, now_ms: EpochMs) -> Result<Action, Failure> {
        match action {
            Action::Exchange(exchange) => {
                self.last = Some(Last { exchange: exchange.clone(), is_repeated: false });
                self.advance(exchange, now_ms)
            }
            action => Ok(action),
        }
    }

    /// Takes the reply that a request waits for. Returns the next action, or `None` if the
    /// reply is for the flow.
    pub(crate) fn after(
        &mut self,
        reply: &Reply,
        now_ms: EpochMs,
    ) -> Result<Option<Action>, Failure> {
        match reply {
            Reply::Assertion(_) => self.has_read = true,
            Reply::Answered(Ok(response)) => {
                self.clock = date_ms(response).and_then(|date_ms| difference(now_ms, date_ms));
            }
            _ => {}
        }
        let Some(Pending { mut exchange, lacks }) = self.pending.take() else {
            return self.note_nonce(reply, now_ms);
        };
        match (lacks, reply) {
            (Lacks::Assertion(input), Reply::Signed(signature)) => {
                add_assertion(&mut exchange, &compact(&input, signature));
            }
            (Lacks::ForeignAssertion, Reply::Assertion(text)) => {
                let assertion = Assertion::read(text, now_ms)?;
                self.presented = assertion.in_words();
                add_assertion(&mut exchange, assertion.as_str());
            }
            (Lacks::Proof(input), Reply::Signed(signature)) => {
                exchange.request.headers.push(header(DPOP, &compact(&input, signature)));
            }
            _ => return Err(misfit()),
        }
        self.advance(exchange, now_ms).map(Some)
    }

    /// Adds to a refusal what the last assertion says, and that a wrong clock may be the reason
    /// for it: what is signed has a time.
    pub(crate) fn explain(&self, failure: Failure) -> Failure {
        let failure = explain(failure, self.presented.as_deref());
        let is_signed = self.made > 0 || self.has_read;
        explain(failure, self.clock.as_deref().filter(|_| is_signed))
    }

    /// Returns the action for the next proof, or the request if it has all.
    fn advance(&mut self, mut exchange: Exchange, now_ms: EpochMs) -> Result<Action, Failure> {
        if let Some(issuer) = lacking_assertion(&exchange) {
            let issuer = Some(issuer).filter(|issuer| !issuer.is_empty());
            if self.client.method == Some(ClientAuthentication::Assertion) {
                let audience = issuer;
                self.pending = Some(Pending { exchange, lacks: Lacks::ForeignAssertion });
                return Ok(Action::ReadAssertion(AssertionRequest {
                    purpose: AssertionPurpose::Client,
                    audience,
                    resources: Vec::new(),
                    scopes: Vec::new(),
                }));
            }
            let jti = self.next_id();
            match self.client.assert(issuer.as_deref(), jti, now_ms)? {
                Asserted::Done(assertion) => add_assertion(&mut exchange, &assertion),
                Asserted::ToSign(request, input) => {
                    self.pending = Some(Pending { exchange, lacks: Lacks::Assertion(input) });
                    return Ok(Action::Sign(request));
                }
            }
        }
        let has_proof = find_header(&exchange.request.headers, DPOP).is_some();
        if self.dpop.is_none() || has_proof || !is_proven(exchange.purpose) {
            return Ok(Action::Exchange(exchange));
        }
        let jti = self.next_id();
        let key = self.dpop.as_ref().ok_or_else(misfit)?;
        let proof = Proof {
            method: method_name(exchange.request.method),
            url: &exchange.request.url,
            access_token: bound_token(&exchange),
            nonce: self.nonces.of(exchange.purpose).as_deref(),
            jti,
            now_ms,
        };
        let input = proof.signing_input(key)?;
        let request = signing(SigningKey::Dpop, key.algorithm, &input);
        self.pending = Some(Pending { exchange, lacks: Lacks::Proof(input) });
        Ok(Action::Sign(request))
    }

    /// Keeps the nonce that a response names. Returns the same request with it, once, if the
    /// last one was refused for its nonce alone.
    fn note_nonce(&mut self, reply: &Reply, now_ms: EpochMs) -> Result<Option<Action>, Failure> {
        let (Reply::Answered(Ok(response)), Some(last), Some(_)) =
            (reply, &mut self.last, &self.dpop)
        else {
            return Ok(None);
        };
        let purpose = last.exchange.purpose;
        if let Some(nonce) = nonce(response) {
            *self.nonces.of(purpose) = Some(nonce.to_owned());
        }
        if last.is_repeated || !is_proven(purpose) || !asks_for_nonce(response) {
            return Ok(None);
        }
        last.is_repeated = true;
        let exchange = Exchange { wait_ms: 0, ..last.exchange.clone() };
        self.advance(exchange, now_ms).map(Some)
    }

    fn next_id(&mut self) -> String {
        self.made += 1;
        self.entropy.secret(&format!("jti {}", self.made))
    }
}

/// Says by how much the two times differ, if a provider may mind.
fn difference(now_ms: EpochMs, date_ms: EpochMs) -> Option<String> {
    let (seconds, side) = match now_ms.checked_sub(date_ms) {
        Some(ahead_ms) => (ahead_ms / 1000, "ahead of"),
        None => ((date_ms - now_ms) / 1000, "behind"),
    };
    let is_far = seconds.saturating_mul(1000) > CLOCK_SKEW_MS;
    is_far.then(|| format!("this machine's clock is {seconds} s {side} the provider's"))
}

enum Asserted {
    Done(String),
    /// Holds what is signed as well.
    ToSign(SigningRequest, String),
}

impl Identity {
    /// Makes a client assertion.
    fn assert(
        &self,
        issuer: Option<&str>,
        jti: String,
        now_ms: EpochMs,
    ) -> Result<Asserted, Failure> {
        let named = self.key.as_ref().and_then(|key| key.audience.as_deref());
        let audience = named.or(issuer).ok_or_else(no_audience)?;
        let key_id = self.key.as_ref().and_then(|key| key.id.as_deref());
        let statement = Statement { client_id: &self.id, audience, key_id, jti, now_ms };
        match (&self.key, &self.secret) {
            (Some(ClientKey { algorithm, .. }), _)
                if self.method != Some(ClientAuthentication::ClientSecretJwt) =>
            {
                let input = statement.signing_input(algorithm_name(*algorithm));
                Ok(Asserted::ToSign(signing(SigningKey::Client, *algorithm, &input), input))
            }
            (_, Some(secret)) => {
                let statement = Statement { key_id: None, ..statement };
                Ok(Asserted::Done(statement.signed_with(secret)))
            }
            _ => Err(misfit()),
        }
    }
}

pub(crate) fn signing(key: SigningKey, algorithm: SigningAlgorithm, input: &str) -> SigningRequest {
    SigningRequest { key, algorithm, input: input.as_bytes().to_vec() }
}

fn no_audience() -> Failure {
    Failure::configuration(
        "the client cannot authenticate with a signed assertion: nothing says for whom to make it",
        "set the issuer",
    )
}
