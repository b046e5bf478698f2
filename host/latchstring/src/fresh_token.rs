//! [`FreshToken`]: a token that stays valid, for long-running programs.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::error::Error;
use crate::latch::Latch;
use crate::token::Token;
use latchstring_core::contract::Demand;

/// Longest time to wait without looking at the clock: timers stop while the machine sleeps,
/// and clocks can be set.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// Delay before a failed renewal is tried again. It doubles after each failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Delay before the next attempt if only a login can help: the user may log in meanwhile.
const PAUSE_FOR_LOGIN: Duration = Duration::from_secs(15);

/// Time for which a token must still be valid when it is handed out, so that it outlives
/// the request.
const USABLE_FOR: Duration = Duration::from_secs(10);

type State = Option<Result<Arc<Token>, Error>>;

/// An access token that is renewed in the background before it expires.
///
/// The session is shared with other processes: the first one renews, the others use its
/// token. Dropping this ends the renewals and keeps the session.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/ada.rs"));
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), latchstring::Error> {
/// # let provider = provider();
/// # let latch = latchstring::Latch::builder(provider.issuer(), "demo")
/// #     .scopes(["openid", "offline_access"])
/// #     .store(latchstring::capability::store::MemoryStore::default())
/// #     .browser(Ada)
/// #     .terminal(latchstring::capability::terminal::Silence)
/// #     .build()?;
/// latch.token_or_login().await?;
/// let fresh = latch.keep_fresh();
/// // As often as there is a request to send:
/// let token = fresh.token().await?;
/// assert!(!token.access_token().is_empty());
/// # Ok(())
/// # }
/// ```
pub struct FreshToken {
    latch: Latch,
    state: watch::Receiver<State>,
    task: JoinHandle<()>,
}

impl Latch {
    /// Keeps a token valid from now on. Must be called within a tokio runtime.
    ///
    /// A renewal begins when about a fifth of the token's lifetime is left, at a random
    /// offset so that programs do not all renew at once. Failures are retried with growing
    /// delays. If the session has ended, a new login is picked up.
    pub fn keep_fresh(&self) -> FreshToken {
        let (sender, state) = watch::channel(None);
        let task = tokio::spawn(keep(self.clone(), sender));
        FreshToken { latch: self.clone(), state, task }
    }
}

impl FreshToken {
    /// Returns a token that is valid now. Waits for the first one only.
    ///
    /// # Errors
    ///
    /// Returns the error of the last renewal once the token that it was to replace has
    /// expired.
    pub async fn token(&self) -> Result<Arc<Token>, Error> {
        let mut state = self.state.clone();
        let newest = state.wait_for(Option::is_some).await.ok().and_then(|state| state.clone());
        match newest {
            Some(Ok(token)) if is_usable(&token, self.latch.clock().now_ms()) => Ok(token),
            Some(Err(error)) if !error.is_retryable() => Err(error),
            // The machine slept until the token expired, or the task waits before it
            // retries. The caller needs a token now.
            _ => self.latch.token().await.map(Arc::new),
        }
    }

    /// Waits until the token or the error changes.
    pub async fn changed(&mut self) {
        // OK because the task holds the sender while this lives.
        let _ = self.state.changed().await;
    }
}

impl Drop for FreshToken {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn keep(latch: Latch, sender: watch::Sender<State>) {
    let mut demand = Demand::default();
    let mut failures = 0;
    loop {
        match latch.token_for(demand.clone()).await {
            Ok(token) => {
                failures = 0;
                let now_ms = latch.clock().now_ms();
                let (renew_at_ms, next) = plan(&token, now_ms);
                sender.send_replace(Some(Ok(Arc::new(token))));
                demand = next;
                if let Due::ByTimer = until(&latch, renew_at_ms, now_ms).await {
                    // The clock was set back, so it does not say how old the token is.
                    demand.force_refresh = true;
                }
            }
            Err(error) => {
                let pause = match error.is_retryable() {
                    true => pause(&latch, failures),
                    false => PAUSE_FOR_LOGIN,
                };
                failures += 1;
                keep_usable(&sender, error, latch.clock().now_ms());
                latch.clock().sleep(pause).await;
            }
        }
    }
}

/// Why a wait has ended.
enum Due {
    ByClock,
    ByTimer,
}

/// Returns when to renew this token, in milliseconds since the epoch, and what to demand
/// then: a longer lifetime than it will have left, unless another process has renewed it by
/// then.
fn plan(token: &Token, now_ms: u64) -> (Option<u64>, Demand) {
    let end_ms = token.grant().expires_at_ms;
    // Not immediately: a provider whose tokens have always expired must not be flooded.
    let soonest_ms = now_ms + FIRST_PAUSE.as_millis() as u64;
    let renew_at_ms = token.grant().renew_at_ms.or(end_ms).map(|at_ms| at_ms.max(soonest_ms));
    let min_ttl_ms = match (end_ms, renew_at_ms) {
        (Some(end_ms), Some(renew_at_ms)) => end_ms.saturating_sub(renew_at_ms),
        _ => 0,
    };
    (renew_at_ms, Demand { min_ttl_ms, ..Demand::default() })
}

/// Waits until the clock reaches `time_ms`, or until the time that was left at `began_ms`
/// has passed. Waits forever if `time_ms` is `None`.
async fn until(latch: &Latch, time_ms: Option<u64>, began_ms: u64) -> Due {
    let Some(time_ms) = time_ms else { return std::future::pending().await };
    let mut left = Duration::from_millis(time_ms.saturating_sub(began_ms));
    loop {
        let now_ms = latch.clock().now_ms();
        if now_ms >= time_ms {
            return Due::ByClock;
        }
        if left.is_zero() {
            return Due::ByTimer;
        }
        let by_clock = Duration::from_millis(time_ms - now_ms);
        let slice = left.min(by_clock).min(LONGEST_SLEEP);
        latch.clock().sleep(slice).await;
        left = left.saturating_sub(slice);
    }
}

/// Reports a failed renewal, unless the present token is still usable.
fn keep_usable(sender: &watch::Sender<State>, error: Error, now_ms: u64) {
    sender.send_if_modified(|state| match state {
        Some(Ok(token)) if error.is_retryable() && is_usable(token, now_ms) => false,
        _ => {
            *state = Some(Err(error));
            true
        }
    });
}

fn is_usable(token: &Token, now_ms: u64) -> bool {
    let usable_for_ms = USABLE_FOR.as_millis() as u64;
    token.grant().expires_at_ms.is_none_or(|end_ms| now_ms + usable_for_ms < end_ms)
}

/// Returns half of the delay after `failures` failures, plus a random part of the other
/// half.
fn pause(latch: &Latch, failures: u32) -> Duration {
    let longest = FIRST_PAUSE.saturating_mul(1 << failures.min(16)).min(LONGEST_PAUSE);
    // If the random source fails, use the full delay.
    let chance = latch.entropy().draw().map_or(u8::MAX, |bytes| bytes[0]);
    longest / 2 + longest / 2 * u32::from(chance) / u32::from(u8::MAX)
}
