//! A token that stays fresh, for programs that live long.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::contract::Demand;
use crate::error::Error;
use crate::latch::Latch;
use crate::token::Token;

/// A wait is cut into pieces no longer than this, with a look at the clock after
/// each: a timer stands still while the machine sleeps, and clocks are set.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// Before a renewal that failed is tried again; twice as long after each failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Where only a login can help, somebody may log in meanwhile.
const PAUSE_FOR_LOGIN: Duration = Duration::from_secs(15);

/// A token that is handed out must outlive the request it is for.
const USABLE_FOR: Duration = Duration::from_secs(10);

type State = Option<Result<Arc<Token>, Error>>;

/// An access token that is renewed in the background, ahead of its end.
///
/// Renewals share the session with every other process: whoever is first renews,
/// the others adopt. Dropping it ends the renewals, and leaves the session.
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
    /// Keeps a token fresh from now on. Must be called within a tokio runtime.
    ///
    /// A renewal begins when about a fifth of the token's life is left, spread
    /// so that many programs do not ask at once. An outage is waited out, with
    /// growing pauses; where the session has ended, a new login is picked up.
    pub fn keep_fresh(&self) -> FreshToken {
        let (sender, state) = watch::channel(None);
        let task = tokio::spawn(keep(self.clone(), sender));
        FreshToken { latch: self.clone(), state, task }
    }
}

impl FreshToken {
    /// A token that is good for now; waits for the first one only.
    ///
    /// Fails with what the last renewal failed with, once the token that it was
    /// to replace has come to its end.
    pub async fn token(&self) -> Result<Arc<Token>, Error> {
        let mut state = self.state.clone();
        let newest = state.wait_for(Option::is_some).await.ok().and_then(|state| state.clone());
        match newest {
            Some(Ok(token)) if is_usable(&token, self.latch.clock().now_ms()) => Ok(token),
            Some(Err(error)) if !error.is_retryable() => Err(error),
            // The machine has slept past the token's end, or the task is waiting
            // an outage out: the caller is here now.
            _ => self.latch.token().await.map(Arc::new),
        }
    }

    /// Waits until there is another token, or another failure, than before.
    pub async fn changed(&mut self) {
        // OK because the task holds the sender for as long as this lives.
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
                    // The clock was set back: it does not say how old the token is.
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

/// Why a wait is over.
enum Due {
    ByClock,
    ByTimer,
}

/// When to renew this token, and what to demand then: a longer life than it has
/// left, unless another process has renewed it by that time.
fn plan(token: &Token, now_ms: u64) -> (Option<u64>, Demand) {
    let end_ms = token.grant().expires_at_ms;
    // Never at once: a provider whose tokens are born expired is not to be flooded.
    let soonest_ms = now_ms + FIRST_PAUSE.as_millis() as u64;
    let renew_at_ms = token.grant().renew_at_ms.or(end_ms).map(|at_ms| at_ms.max(soonest_ms));
    let min_ttl_ms = match (end_ms, renew_at_ms) {
        (Some(end_ms), Some(renew_at_ms)) => end_ms.saturating_sub(renew_at_ms),
        _ => 0,
    };
    (renew_at_ms, Demand { min_ttl_ms, ..Demand::default() })
}

/// Waits until the clock says `time_ms`, or as long has passed as was left when
/// the wait began; for ever where there is no such time.
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

/// A failed renewal leaves a token that is still good in place.
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

/// Half of the pause, and up to as much again by chance.
fn pause(latch: &Latch, failures: u32) -> Duration {
    let longest = FIRST_PAUSE.saturating_mul(1 << failures.min(16)).min(LONGEST_PAUSE);
    // Without chance all programs come back at once, which is no failure.
    let chance = latch.entropy().draw().map_or(u8::MAX, |bytes| bytes[0]);
    longest / 2 + longest / 2 * u32::from(chance) / u32::from(u8::MAX)
}
