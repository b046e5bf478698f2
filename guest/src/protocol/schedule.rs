//! When an access token counts as stale, and when to renew it ahead of time.

use crate::contract::EpochMs;
use crate::protocol::entropy::Entropy;
use crate::protocol::stored::Stored;

/// A token is renewed this long before it expires, so that it does not expire
/// on its way to an API.
const LEEWAY_MS: u64 = 60_000;

/// The leeway takes at most this part of a token's life: a token that lives
/// for seconds must not be born stale.
const LEEWAY_PART: u64 = 10;

/// A host that lives long renews when a fifth of the life is left, spread over
/// a further twentieth so that many hosts do not ask at once.
const AHEAD_PART: u64 = 5;
const JITTER_PART: u64 = 20;

/// Whether the token stays valid for `min_ttl_ms`, and no less than the leeway.
///
/// The leeway is a comfort: where nothing can be renewed it must not cost a login.
pub(crate) fn is_fresh(stored: &Stored, min_ttl_ms: u64, now_ms: EpochMs) -> bool {
    let leeway_ms = match stored.refresh_token {
        Some(_) => LEEWAY_MS.min(lifetime_ms(stored) / LEEWAY_PART),
        None => 0,
    };
    is_valid(stored, min_ttl_ms.max(leeway_ms), now_ms)
}

/// Whether the token stays valid for `min_ttl_ms`, with no leeway. One whose
/// provider gave no lifetime counts as valid until it is refused.
pub(crate) fn is_valid(stored: &Stored, min_ttl_ms: u64, now_ms: EpochMs) -> bool {
    stored.access_token.is_some()
        && stored.expires_at_ms.is_none_or(|at| now_ms.saturating_add(min_ttl_ms) < at)
}

/// When a host that lives long should ask again.
pub(crate) fn renew_at_ms(stored: &Stored, entropy: &Entropy) -> Option<EpochMs> {
    stored.refresh_token.as_ref()?;
    let lifetime_ms = lifetime_ms(stored);
    let ahead_ms = lifetime_ms / AHEAD_PART + entropy.below("renew_at", lifetime_ms / JITTER_PART);
    Some(stored.expires_at_ms?.saturating_sub(ahead_ms))
}

fn lifetime_ms(stored: &Stored) -> u64 {
    stored.expires_at_ms.map_or(0, |at| at.saturating_sub(stored.received_at_ms))
}
