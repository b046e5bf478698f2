//! Retries requests that failed for a temporary reason.
//!
//! ```text
//! exchange -> failed -> the same exchange, after a delay -> ... -> the flow
//! ```
//!
//! The flow sees only the last result. A request on which the provider may have
//! acted already is sent again only if that does no harm: a rotating refresh token
//! must not be sent twice.

use crate::contract::{
    Action, EpochMs, Exchange, NoResponse, Purpose, Reply, Response, Unreachable,
};
use crate::protocol::entropy::Entropy;
use crate::protocol::request::retry_after_ms;

/// Highest number of attempts for one request.
const ATTEMPTS: u32 = 3;

/// Delay before the second attempt. It quadruples before each further one.
const FIRST_DELAY_MS: u64 = 250;

/// Largest jitter, as a part of the delay: half. Many clients must not retry at the same
/// moment.
const JITTER_PART: u64 = 2;

/// Longest delay accepted from a provider. The user is waiting.
const LONGEST_DELAY_MS: u64 = 10_000;

/// The current request, and how often it was sent.
pub(crate) struct Retry {
    entropy: Entropy,
    current: Option<Current>,
}

struct Current {
    exchange: Exchange,
    attempts: u32,
}

impl Retry {
    pub(crate) fn new(entropy: Entropy) -> Self {
        Self { entropy, current: None }
    }

    /// Remembers the request in `action`, if it is one.
    pub(crate) fn record(&mut self, action: &Action) {
        self.current = match action {
            Action::Exchange(exchange) => Some(Current { exchange: exchange.clone(), attempts: 1 }),
            _ => None,
        };
    }

    /// Returns the current request again if `reply` is a temporary failure and an attempt
    /// is left.
    pub(crate) fn after(&mut self, reply: &Reply) -> Option<Action> {
        let Reply::Answered(answer) = reply else { return None };
        let current = self.current.as_mut()?;
        if current.attempts >= ATTEMPTS {
            return None;
        }
        let requested_ms = retry_delay_ms(answer, current.exchange.purpose)?;
        let delay_ms = FIRST_DELAY_MS << (2 * (current.attempts - 1));
        let label = format!("pause {} {}", current.exchange.request.url, current.attempts);
        let jitter_ms = self.entropy.below(&label, delay_ms / JITTER_PART);
        current.attempts += 1;
        let wait_ms = (delay_ms + jitter_ms).max(requested_ms);
        Some(Action::Exchange(Exchange { wait_ms, remark: None, ..current.exchange.clone() }))
    }
}

/// Returns the delay that the provider asks for, in milliseconds, or zero if it asks for
/// none. Returns `None` if the failure is permanent or the request must not be repeated.
fn retry_delay_ms(answer: &Result<Response, NoResponse>, purpose: Purpose) -> Option<EpochMs> {
    // An authorization code and a rotating refresh token are spent by the first request
    // that arrives, and each registration makes one more client. All other requests may
    // arrive twice (RFC 7009 §2.2 for revocations).
    let repeatable = !matches!(purpose, Purpose::Token | Purpose::Registration);
    if matches!(purpose, Purpose::Poll | Purpose::Challenge) {
        // Polling flows retry on their own schedule (RFC 8628 §3.5). A resource that does
        // not refuse a request says nothing, however often it is asked.
        return None;
    }
    match answer {
        Err(NoResponse::Unreachable(Unreachable { sent, .. })) => {
            (repeatable || !*sent).then_some(0)
        }
        Err(NoResponse::TooLarge(_) | NoResponse::Denied(_)) => None,
        Ok(response) => {
            let requested_ms = retry_after_ms(response);
            let is_temporary = match response.status {
                // Rejected without processing (RFC 6585 §4).
                429 => true,
                // From a proxy, it may hide that the request arrived. With `Retry-After`,
                // it is deliberate (RFC 9110 §15.6.4).
                503 => repeatable || requested_ms.is_some(),
                500..=599 => repeatable,
                _ => false,
            };
            let delay_ms = requested_ms.unwrap_or(0);
            (is_temporary && delay_ms <= LONGEST_DELAY_MS).then_some(delay_ms)
        }
    }
}
