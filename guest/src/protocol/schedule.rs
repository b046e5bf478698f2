//! Validity of access tokens, and when to renew them ahead of time.

use crate::contract::EpochMs;
use crate::protocol::entropy::Entropy;
use crate::protocol::id_token::CLOCK_SKEW_MS;
use crate::protocol::stored::Stored;

/// Time before expiry at which a token is renewed, so that it does not expire on its way
/// to an API.
const LEEWAY_MS: u64 = 60_000;

/// Upper limit of the leeway, as a part of the token's lifetime: a tenth. A token that
/// lives for seconds must not be stale from the start.
const LEEWAY_PART: u64 = 10;

/// Time left at which a long-running host renews, as a part of the lifetime: a fifth,
/// plus up to a twentieth of jitter, so that many hosts do not renew at once.
const AHEAD_PART: u64 = 5;
const JITTER_PART: u64 = 20;

/// Whether the token stays valid for `min_ttl_ms`. If a renewal could not bring that,
/// whether it is as good as new.
///
/// A token that can be renewed must stay valid for the leeway too.
pub(crate) fn is_fresh(stored: &Stored, min_ttl_ms: u64, now_ms: EpochMs) -> bool {
    let min_ttl_ms = attainable_ttl_ms(stored, min_ttl_ms);
    is_still_valid(stored, min_ttl_ms.max(leeway_ms(stored)), now_ms)
}

/// Whether the token stays valid for `min_ttl_ms`, capped as in [`is_fresh`], without the
/// leeway. A token without a known expiry counts as valid until the provider rejects it.
pub(crate) fn is_valid(stored: &Stored, min_ttl_ms: u64, now_ms: EpochMs) -> bool {
    is_still_valid(stored, attainable_ttl_ms(stored, min_ttl_ms), now_ms)
}

/// Whether the token has an expiry that cannot be trusted: it was received in the future,
/// by more than the clock skew, so the clock has been set back since.
pub(crate) fn has_doubtful_expiry(stored: &Stored, now_ms: EpochMs) -> bool {
    stored.expires_at_ms.is_some() && stored.received_at_ms > now_ms.saturating_add(CLOCK_SKEW_MS)
}

fn is_still_valid(stored: &Stored, ttl_ms: u64, now_ms: EpochMs) -> bool {
    // If the clock was set back a little since, the lifetime counts from now.
    let ahead_ms = stored.received_at_ms.saturating_sub(now_ms);
    let is_in_time = |at: EpochMs| now_ms.saturating_add(ttl_ms) < at.saturating_sub(ahead_ms);
    stored.access_token.is_some()
        && !has_doubtful_expiry(stored, now_ms)
        && stored.expires_at_ms.is_none_or(is_in_time)
}

/// Returns the part of `min_ttl_ms` that a renewal can bring. A longer demand would renew
/// the token each time, and in each of several concurrent processes.
fn attainable_ttl_ms(stored: &Stored, min_ttl_ms: u64) -> u64 {
    match stored.is_renewable() {
        true => min_ttl_ms.min(lifetime_ms(stored).saturating_sub(leeway_ms(stored))),
        false => min_ttl_ms,
    }
}

/// The leeway of a token, in milliseconds. Zero if the token cannot be renewed: the
/// leeway must not cost a login.
fn leeway_ms(stored: &Stored) -> u64 {
    match stored.is_renewable() {
        true => LEEWAY_MS.min(lifetime_ms(stored) / LEEWAY_PART),
        false => 0,
    }
}

/// Returns the time at which a long-running host should ask again. Returns `None` if the
/// token cannot be renewed or does not expire.
pub(crate) fn renew_at_ms(stored: &Stored, entropy: &Entropy) -> Option<EpochMs> {
    if !stored.is_renewable() {
        return None;
    }
    let lifetime_ms = lifetime_ms(stored);
    let ahead_ms = lifetime_ms / AHEAD_PART + entropy.below("renew_at", lifetime_ms / JITTER_PART);
    Some(stored.expires_at_ms?.saturating_sub(ahead_ms))
}

fn lifetime_ms(stored: &Stored) -> u64 {
    stored.expires_at_ms.map_or(0, |at| at.saturating_sub(stored.received_at_ms))
}
