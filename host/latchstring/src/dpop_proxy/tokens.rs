//! The token that requests carry. Requests that wait for a token share one read of the
//! session, one renewal, and its failure.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Mutex;

use crate::api::TokenProvider;
use crate::error::Error;
use crate::latch::Latch;
use crate::token::Token;

/// Time after which the session is read again: a logout elsewhere ends its use here.
const RECENT_MS: u64 = 1_000;

/// Time for which a token that replaced a refused one is not replaced too. An API that
/// refuses every token must not cause a renewal for each request.
const BETWEEN_REPLACEMENTS_MS: u64 = 60_000;

pub(super) struct Tokens {
    latch: Latch,
    source: Box<dyn TokenProvider>,
    held: Mutex<Held>,
    /// How many results there were.
    results: AtomicU64,
}

#[derive(Default)]
struct Held {
    /// The last result, and when it was had.
    last: Option<(u64, Result<Arc<Token>, Error>)>,
    /// When the last refused token was replaced.
    replaced_at_ms: Option<u64>,
}

impl Tokens {
    pub(super) fn new(latch: Latch, source: impl TokenProvider + 'static) -> Self {
        let (held, results) = Default::default();
        Self { latch, source: Box::new(source), held, results }
    }

    /// Returns a token that is valid now.
    pub(super) async fn token(&self) -> Result<Arc<Token>, Error> {
        let seen = self.results.load(Ordering::Relaxed);
        let mut held = self.held.lock().await;
        match &held.last {
            Some((at_ms, Ok(token))) if self.is_within(RECENT_MS, *at_ms) => Ok(Arc::clone(token)),
            Some((_, result)) if self.is_newer(seen) => result.clone(),
            _ => {
                let result = self.source.token().await;
                self.hold(&mut held, result)
            }
        }
    }

    /// Returns another token than the one that the API has refused, or `None` if there is
    /// none to be had, or it was replaced just now.
    pub(super) async fn instead_of(&self, refused: &Token) -> Result<Option<Arc<Token>>, Error> {
        let seen = self.results.load(Ordering::Relaxed);
        let mut held = self.held.lock().await;
        match &held.last {
            Some((_, Ok(token))) if token.access_token() != refused.access_token() => {
                return Ok(Some(Arc::clone(token)));
            }
            Some((_, Err(error))) if self.is_newer(seen) => return Err(error.clone()),
            _ => {}
        }
        if held.replaced_at_ms.is_some_and(|at_ms| self.is_within(BETWEEN_REPLACEMENTS_MS, at_ms)) {
            return Ok(None);
        }
        if !self.latch.can_replace(refused).await? {
            // If the session is over, that says more than the API's refusal.
            let result = self.source.token().await;
            let token = self.hold(&mut held, result)?;
            return Ok(Some(token).filter(|token| token.access_token() != refused.access_token()));
        }
        let result = self.source.token_instead_of(&refused.fingerprint()).await;
        held.replaced_at_ms = Some(self.latch.clock().now_ms());
        self.hold(&mut held, result).map(Some)
    }

    /// Whether there was a result since: another request has asked meanwhile.
    fn is_newer(&self, seen: u64) -> bool {
        self.results.load(Ordering::Relaxed) != seen
    }

    /// Whether less than `limit_ms` have passed. Not if the clock was set.
    fn is_within(&self, limit_ms: u64, since_ms: u64) -> bool {
        self.latch.clock().now_ms().abs_diff(since_ms) < limit_ms
    }

    fn hold(&self, held: &mut Held, result: Result<Token, Error>) -> Result<Arc<Token>, Error> {
        let result = result.map(Arc::new);
        held.last = Some((self.latch.clock().now_ms(), result.clone()));
        self.results.fetch_add(1, Ordering::Relaxed);
        result
    }
}
