//! The time, and waiting.
//!
//! ```
//! use std::time::Duration;
//!
//! use async_trait::async_trait;
//! use latchstring::capability::clock::{Clock, SystemClock};
//!
//! /// A clock that is an hour ahead, for a test of what has expired.
//! struct Ahead;
//!
//! #[async_trait]
//! impl Clock for Ahead {
//!     fn now_ms(&self) -> u64 {
//!         SystemClock.now_ms() + 3_600_000
//!     }
//!     async fn sleep(&self, duration: Duration) {
//!         SystemClock.sleep(duration).await;
//!     }
//! }
//! ```

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
pub use latchstring_core::capability::clock::Clock;

/// The operating system's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    async fn sleep(&self, duration: Duration) {
        #[cfg(not(target_os = "wasi"))]
        tokio::time::sleep(duration).await;
        #[cfg(target_os = "wasi")]
        crate::wasi::sleep(duration).await;
    }
}
