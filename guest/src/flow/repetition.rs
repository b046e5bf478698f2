//! Sending a request again that failed for a passing reason.
//!
//! ```text
//! exchange -> failed -> the same exchange, after a pause -> ... -> the flow
//! ```
//!
//! The flow sees the last answer only. What the provider may have acted on
//! already is sent again only where a second time does no harm: a refresh token
//! that rotates must not be presented twice.

use crate::contract::{Action, EpochMs, Exchange, Purpose, Response, Unreachable};
use crate::flow::{Event, NoResponse};
use crate::protocol::entropy::Entropy;
use crate::protocol::request::retry_after_ms;

/// How often a request is sent, at most.
const ATTEMPTS: u32 = 3;

/// Before the second attempt; four times as long before each further one.
const FIRST_PAUSE_MS: u64 = 250;

/// Many clients must not come back at the same moment: up to so much of the
/// pause is added to it.
const JITTER_PART: u64 = 2;

/// The longest that a provider may ask for: a person is waiting.
const LONGEST_PAUSE_MS: u64 = 10_000;

/// The request under way, and how often it was sent.
pub(crate) struct Repetition {
    entropy: Entropy,
    current: Option<Current>,
}

struct Current {
    exchange: Exchange,
    attempts: u32,
}

impl Repetition {
    pub(crate) fn new(entropy: Entropy) -> Self {
        Self { entropy, current: None }
    }

    /// Remembers what the flow asked for.
    pub(crate) fn watch(&mut self, action: &Action) {
        self.current = match action {
            Action::Exchange(exchange) => Some(Current { exchange: exchange.clone(), attempts: 1 }),
            _ => None,
        };
    }

    /// Nothing is under way any more.
    pub(crate) fn end(&mut self) {
        self.current = None;
    }

    /// The request once more, where `event` is a failure that may pass.
    pub(crate) fn again(&mut self, event: &Event) -> Option<Action> {
        let Event::Answered(answer) = event else { return None };
        let current = self.current.as_mut()?;
        if current.attempts >= ATTEMPTS {
            return None;
        }
        let asked_for_ms = may_pass(answer, current.exchange.purpose)?;
        let pause_ms = FIRST_PAUSE_MS << (2 * (current.attempts - 1));
        let label = format!("pause {} {}", current.exchange.request.url, current.attempts);
        let jitter_ms = self.entropy.below(&label, pause_ms / JITTER_PART);
        current.attempts += 1;
        let wait_ms = (pause_ms + jitter_ms).max(asked_for_ms);
        Some(Action::Exchange(Exchange { wait_ms, ..current.exchange.clone() }))
    }
}

/// The pause that the provider asks for, zero where it names none; none where
/// the failure is final or the request must not be repeated.
fn may_pass(answer: &Result<Response, NoResponse>, purpose: Purpose) -> Option<EpochMs> {
    // A code and a rotating refresh token are spent by the first request that
    // arrives; everything else here can arrive twice (RFC 7009 §2.2 for
    // revocations).
    let repeatable = purpose != Purpose::Token;
    if purpose == Purpose::Poll {
        // Whoever polls asks again by itself, in its own time (RFC 8628 §3.5).
        return None;
    }
    match answer {
        Err(NoResponse::Unreachable(Unreachable { sent, .. })) => {
            (repeatable || !*sent).then_some(0)
        }
        Err(NoResponse::TooLarge(_) | NoResponse::Denied(_)) => None,
        Ok(response) => {
            let asked_for_ms = retry_after_ms(response);
            let may_pass = match response.status {
                // Turned away unread (RFC 6585 §4).
                429 => true,
                // Said by a proxy, it may hide that the request arrived; with a
                // time to come back it was meant (RFC 9110 §15.6.4).
                503 => repeatable || asked_for_ms.is_some(),
                500..=599 => repeatable,
                _ => false,
            };
            let pause_ms = asked_for_ms.unwrap_or(0);
            (may_pass && pause_ms <= LONGEST_PAUSE_MS).then_some(pause_ms)
        }
    }
}
