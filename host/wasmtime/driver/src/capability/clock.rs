//! What time it is, and waiting.

use std::time::Duration;

use async_trait::async_trait;
use wasip2::clocks::wall_clock;

use crate::wasi::executor;

/// The host's clock.
#[async_trait(?Send)]
pub trait Clock {
    /// Milliseconds since the Unix epoch.
    fn now_ms(&self) -> u64;

    /// Returns after `duration`.
    async fn sleep(&self, duration: Duration);
}

/// WASI's clocks.
pub struct SystemClock;

#[async_trait(?Send)]
impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        let now = wall_clock::now();
        now.seconds.saturating_mul(1000).saturating_add(u64::from(now.nanoseconds / 1_000_000))
    }

    async fn sleep(&self, duration: Duration) {
        executor::sleep(duration).await;
    }
}
