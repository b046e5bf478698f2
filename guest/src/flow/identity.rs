//! Verifies an ID token, fetching the provider's keys if needed.

use crate::contract::{Action, Code, EpochMs, Purpose, Reply};
use crate::flow::Progress::{Continue, Done};
use crate::flow::{Step, misfit, response};
use crate::protocol::id_token::{self, Expectations, IdToken, Rejection};
use crate::protocol::jwk::{Jwk, parse_keys_response};
use crate::protocol::request::get;

/// Most requests for the keys. A provider that has just rotated its keys may sign with
/// the new one a moment before it publishes it, so the keys may be fetched again.
const FETCHES: u32 = 2;
const REFETCH_WAIT_MS: u64 = 1_000;

pub(crate) struct Identity {
    token: String,
    expected: Expectations,
    /// Location of the provider's keys. `None` if it publishes none.
    jwks_uri: Option<String>,
    fetches_left: u32,
    is_encrypted: bool,
    /// The key that signed the last ID token.
    known: Option<Jwk>,
}

impl Identity {
    /// Starts with `known`, the key that signed the last ID token. The keys are fetched
    /// only if the provider has replaced it.
    pub(crate) fn begin(
        token: String,
        expected: Expectations,
        jwks_uri: Option<String>,
        known: Option<Jwk>,
        now_ms: EpochMs,
    ) -> Step<Self, IdToken> {
        let is_encrypted = id_token::is_to_decrypt(&token, &expected)?;
        let fetches_left = FETCHES;
        let identity = Self { token, expected, jwks_uri, fetches_left, is_encrypted, known };
        if is_encrypted {
            let action = Action::Decrypt(identity.token.clone());
            return Ok(Continue(identity, action));
        }
        identity.try_known(now_ms)
    }

    pub(crate) fn next(self, reply: Reply, now_ms: EpochMs) -> Step<Self, IdToken> {
        match reply {
            Reply::Decrypted(token) if self.is_encrypted => {
                Self { token, is_encrypted: false, ..self }.try_known(now_ms)
            }
            Reply::Answered(answer) if !self.is_encrypted => {
                let code = Code::InvalidIdToken;
                let response = response(answer, "the provider's key set", code)?;
                self.try_keys(&parse_keys_response(&response, code)?, now_ms)
            }
            _ => Err(misfit()),
        }
    }

    fn try_known(mut self, now_ms: EpochMs) -> Step<Self, IdToken> {
        let known = self.known.take();
        self.try_keys(known.as_slice(), now_ms)
    }

    fn try_keys(mut self, keys: &[Jwk], now_ms: EpochMs) -> Step<Self, IdToken> {
        match id_token::verify(&self.token, keys, &self.expected, now_ms) {
            Ok(id_token) => Ok(Done(id_token)),
            Err(Rejection::Failed(failure)) => Err(failure),
            Err(Rejection::UnknownKey(reason)) => {
                let jwks_uri = self.jwks_uri.as_ref().filter(|_| self.fetches_left > 0);
                let jwks_uri = jwks_uri.ok_or_else(|| id_token::unverifiable(reason))?;
                let mut exchange = get(Purpose::Keys, jwks_uri);
                if self.fetches_left < FETCHES {
                    exchange.wait_ms = REFETCH_WAIT_MS;
                }
                self.fetches_left -= 1;
                Ok(Continue(self, Action::Exchange(exchange)))
            }
        }
    }
}
