//! When an access token counts as stale, and when to renew it ahead of time.

use crate::contract::EpochMs;
use crate::protocol::entropy::Entropy;
use crate::protocol::id_token::CLOCK_SKEW_MS;
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

/// Whether the token stays valid for `min_ttl_ms`, or, if its whole life is shorter
/// than that, whether it is as good as new.
///
/// A token that can be renewed has to stay valid for the leeway too.
pub(crate) fn is_fresh(stored: &Stored, min_ttl_ms: u64, now_ms: EpochMs) -> bool {
    let min_ttl_ms = attainable_ttl_ms(stored, min_ttl_ms);
    is_still_valid(stored, min_ttl_ms.max(leeway_ms(stored)), now_ms)
}

/// Whether the token stays valid for `min_ttl_ms`, capped as in [`is_fresh`], with no
/// leeway. A token whose provider gave no lifetime counts as valid until it is refused.
pub(crate) fn is_valid(stored: &Stored, min_ttl_ms: u64, now_ms: EpochMs) -> bool {
    is_still_valid(stored, attainable_ttl_ms(stored, min_ttl_ms), now_ms)
}

/// Whether the token has an expiry that cannot be trusted: its time of receipt lies in
/// the future by more than the clock skew, so the clock has been set back since.
pub(crate) fn has_doubtful_expiry(stored: &Stored, now_ms: EpochMs) -> bool {
    stored.expires_at_ms.is_some() && stored.received_at_ms > now_ms.saturating_add(CLOCK_SKEW_MS)
}

fn is_still_valid(stored: &Stored, ttl_ms: u64, now_ms: EpochMs) -> bool {
    // The lifetime counts from now if the clock went back a little since.
    let ahead_ms = stored.received_at_ms.saturating_sub(now_ms);
    let is_in_time = |at: EpochMs| now_ms.saturating_add(ttl_ms) < at.saturating_sub(ahead_ms);
    stored.access_token.is_some()
        && !has_doubtful_expiry(stored, now_ms)
        && stored.expires_at_ms.is_none_or(is_in_time)
}

/// The part of `min_ttl_ms` that a renewal could bring. More would renew the token at
/// each demand, and for each of the processes that ask at once.
fn attainable_ttl_ms(stored: &Stored, min_ttl_ms: u64) -> u64 {
    match stored.refresh_token {
        Some(_) => min_ttl_ms.min(lifetime_ms(stored).saturating_sub(leeway_ms(stored))),
        None => min_ttl_ms,
    }
}

/// The leeway is a comfort: it must not cost a login if nothing can be renewed.
fn leeway_ms(stored: &Stored) -> u64 {
    match stored.refresh_token {
        Some(_) => LEEWAY_MS.min(lifetime_ms(stored) / LEEWAY_PART),
        None => 0,
    }
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
