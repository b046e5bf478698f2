//! WASI 0.2 as the capabilities use it: streams, files and timers.
//!
//! Not through tokio: there, its sockets need an unstable flag and cannot accept a
//! connection.

use std::time::Duration;

use wasip2::clocks::monotonic_clock;
use wasip2::io::poll::Pollable;
use wstd::runtime::{AsyncPollable, Task};

pub(crate) mod files;
pub(crate) mod streams;

/// Returns when the pollable is ready.
pub(crate) async fn ready(pollable: Pollable) {
    AsyncPollable::new(pollable).wait_for().await;
}

/// Returns after `duration`.
pub(crate) async fn sleep(duration: Duration) {
    wstd::task::sleep(duration.into()).await;
}

/// Returns the future's value, or `None` if it takes longer than `limit`.
pub(crate) async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        value = future => Some(value),
        () = sleep(limit) => None,
    }
}

/// Returns the time since some moment in the past.
pub(crate) fn elapsed() -> Duration {
    Duration::from_nanos(monotonic_clock::now())
}

/// Calls `beat` every `period` until the task is dropped.
pub(crate) fn every(period: Duration, beat: impl Fn() + 'static) -> Task<()> {
    wstd::runtime::spawn(async move {
        loop {
            sleep(period).await;
            beat();
        }
    })
}
