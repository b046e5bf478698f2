//! What holds for a session in any store.

use crate::error::{Code, Error};

/// Bytes; more than any provider's tokens, less than would hurt to read.
pub const SESSION_LIMIT: u64 = 1024 * 1024;

/// Fails where a session is too large to be read back.
pub fn check_size(bytes: &[u8]) -> Result<(), Error> {
    if bytes.len() as u64 <= SESSION_LIMIT {
        return Ok(());
    }
    Err(Error::new(
        Code::NotSaved,
        format!("the session has {} bytes; at most {SESSION_LIMIT} can be kept", bytes.len()),
        "ask for fewer scopes, so that the provider issues smaller tokens",
    ))
}

/// What damaged sessions are called, behind their own name or as an extension.
pub fn aside_name(turn: u32) -> String {
    if turn == 1 { "damaged".to_owned() } else { format!("damaged-{turn}") }
}

/// The error of a store that is asked to set a session aside that it does not have.
pub fn nothing_to_set_aside(place: &str) -> Error {
    Error::new(
        Code::StoreUnusable,
        format!("nothing is stored in {place} that could be set aside"),
        "log in",
    )
}
