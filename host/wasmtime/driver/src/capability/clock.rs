//! What time it is, and waiting.

use std::time::Duration;

use async_trait::async_trait;
pub use latchstring_core::capability::clock::Clock;
use wasip2::clocks::wall_clock;

use crate::wasi::executor;

/// WASI's clocks.
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        let now = wall_clock::now();
        now.seconds.saturating_mul(1000).saturating_add(u64::from(now.nanoseconds / 1_000_000))
    }

    async fn sleep(&self, duration: Duration) {
        executor::sleep(duration).await;
    }
}
