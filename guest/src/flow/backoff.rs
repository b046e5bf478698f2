//! Deadline and backoff of repeated requests that wait for the user's decision.

use crate::contract::EpochMs;

/// Longest delay between requests while the provider cannot be reached. The delay doubles
/// with each request up to this.
const LONGEST_DELAY_MS: u64 = 60_000;

/// Time reserved for the response to the last request.
pub(super) const LAST_POLL_MS: u64 = 1_000;

/// Deadline and backoff.
pub(super) struct Backoff {
    pub(super) deadline_ms: EpochMs,
    /// Number of requests without a response since the last response.
    unanswered: u32,
}

impl Backoff {
    pub(super) fn until(deadline_ms: EpochMs) -> Self {
        Self { deadline_ms, unanswered: 0 }
    }

    /// Records a response.
    pub(super) fn reset(&mut self) {
        self.unanswered = 0;
    }

    /// Whether a response may have been lost since the last one that arrived.
    pub(super) fn has_unanswered(&self) -> bool {
        self.unanswered > 0
    }

    /// Records an unanswered request and returns the delay before the next one: doubles
    /// from `interval_ms`, up to a minute.
    pub(super) fn next_delay_ms(&mut self, interval_ms: u64) -> u64 {
        self.unanswered = (self.unanswered + 1).min(16);
        interval_ms.saturating_mul(1 << self.unanswered).min(LONGEST_DELAY_MS)
    }

    pub(super) fn is_over(&self, now_ms: EpochMs) -> bool {
        now_ms >= self.deadline_ms
    }

    /// Time left at `at_ms`, in milliseconds.
    pub(super) fn remaining_ms(&self, at_ms: EpochMs) -> u64 {
        self.deadline_ms.saturating_sub(at_ms)
    }

    /// Shortens `wait_ms` to the time that is left.
    pub(super) fn cap_ms(&self, wait_ms: u64, now_ms: EpochMs) -> u64 {
        wait_ms.min(self.remaining_ms(now_ms))
    }
}
