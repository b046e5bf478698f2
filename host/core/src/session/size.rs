//! Limits and names that every store shares.

use crate::error::{Code, Error};

/// Most bytes of a stored session: more than any provider's tokens need, and still quick to
/// read.
pub const SESSION_LIMIT: u64 = 1024 * 1024;

/// Checks that a session of so many bytes is small enough to be read back.
///
/// # Errors
///
/// Returns `not-saved` if it is too large.
pub fn check_size(bytes: u64) -> Result<(), Error> {
    if bytes <= SESSION_LIMIT {
        return Ok(());
    }
    Err(Error::new(
        Code::NotSaved,
        format!("the session has {bytes} bytes; at most {SESSION_LIMIT} can be kept"),
        "request fewer scopes, so that the provider issues smaller tokens",
    ))
}

/// Returns the name for the `turn`th damaged session, counted from 1. Stores append it to
/// the session's name or use it as an extension.
pub fn aside_name(turn: u32) -> String {
    if turn == 1 { "damaged".to_owned() } else { format!("damaged-{turn}") }
}

/// Returns the error of a store that has no session to set aside.
pub fn nothing_to_set_aside(place: &str) -> Error {
    Error::new(
        Code::StoreUnusable,
        format!("nothing is stored in {place} that could be set aside"),
        "log in",
    )
}
