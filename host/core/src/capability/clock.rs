//! The time, and waiting.

use std::time::Duration;

use async_trait::async_trait;

/// The host's clock.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Returns the time in milliseconds since the Unix epoch.
    fn now_ms(&self) -> u64;

    /// Returns after `duration`.
    async fn sleep(&self, duration: Duration);
}
