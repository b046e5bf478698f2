//! What a shared store needs from the server that keeps it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, timeout_at};

/// Time after which another holder may take over the lock of one that is no longer heard of
/// while it refreshes: longer than a request to the provider may take.
pub(super) const LEASE: Duration = Duration::from_secs(15);

/// Usual time limit of one attempt, after which a new connection is tried.
pub(super) const ATTEMPT: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// A server with one row for each name. A row has bytes, a version that never comes back,
/// and the number of the last holder of its lock.
#[async_trait]
pub(super) trait Engine: Send + Sync {
    /// Checks that the server is one that can be used.
    async fn check(&self) -> Result<(), Trouble>;

    /// Returns the bytes of a row, or `None` if it has none.
    async fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Trouble>;

    /// Returns the bytes of every row that has some.
    async fn list(&self) -> Result<Vec<Vec<u8>>, Trouble>;

    /// Waits until `deadline` for the lock of a name. `token` is the same in every attempt of
    /// one holder, so that it finds the lock that an attempt took whose answer was lost.
    async fn lock(
        &self,
        name: &str,
        token: &str,
        deadline: Instant,
    ) -> Result<Arc<dyn EngineLock>, Trouble>;

    /// Drops the connection, so that the next attempt makes a new one.
    async fn reset(&self);
}

/// A held lock of a name, with the version that its row had when the lock was taken.
#[async_trait]
pub(super) trait EngineLock: Send + Sync {
    /// Returns false if another client may hold the lock by now.
    fn is_held(&self) -> bool;

    /// Returns the version that this holder knows.
    fn version(&self) -> i64;

    /// Announces that the refresh token is about to be spent. From now on, no other client
    /// takes the lock over for [`LEASE`], even if this client is cut off.
    async fn announce(&self) -> Result<(), Trouble>;

    /// Begins [`LEASE`] again.
    async fn extend(&self) -> Result<(), Trouble>;

    /// Replaces the bytes of the row, or removes them if `bytes` is `None`.
    async fn save(&self, bytes: Option<&[u8]>) -> Result<Saved, Trouble>;

    /// Releases the lock.
    async fn release(&self) -> Result<(), Trouble>;
}

/// The end of a save.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Saved {
    /// The bytes are stored.
    Saved,
    /// Another client has taken the lock over, or has saved something newer. Nothing changed.
    Superseded,
}

/// Why a server did not do what it was asked.
#[derive(Debug)]
pub(super) struct Trouble {
    /// The cause, for the user.
    pub(super) reason: String,
    pub(super) kind: TroubleKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TroubleKind {
    /// The same attempt may succeed in a moment.
    Transient,
    /// Another client holds the lock.
    Locked,
    /// There is no table yet.
    #[cfg(feature = "postgres")]
    Missing,
    /// A newer version of this program has changed the table.
    Newer,
    /// Anything else: a wrong password, no permission.
    Refused,
}

impl Trouble {
    pub(super) fn new(kind: TroubleKind, reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), kind }
    }

    fn late() -> Self {
        Self::new(TroubleKind::Transient, "it did not answer in time")
    }
}

/// Repeats what may succeed in a moment, on a new connection, until `deadline`. One attempt
/// may take at most `limit`.
pub(super) async fn retry<T, F>(
    engine: &dyn Engine,
    deadline: Instant,
    limit: Duration,
    mut attempt: impl FnMut() -> F,
) -> Result<T, Trouble>
where
    F: Future<Output = Result<T, Trouble>>,
{
    let mut pause = FIRST_PAUSE;
    let mut last = None;
    loop {
        let end = Instant::now().checked_add(limit).map_or(deadline, |end| end.min(deadline));
        let trouble = match timeout_at(end, attempt()).await {
            Ok(Err(trouble)) if trouble.kind == TroubleKind::Transient => trouble,
            Ok(result) => return result,
            Err(_) => last.take().unwrap_or_else(Trouble::late),
        };
        engine.reset().await;
        if Instant::now() + pause >= deadline {
            return Err(trouble);
        }
        last = Some(trouble);
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
