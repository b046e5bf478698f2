//! What a stored session looks like.

use latchstring_core::error::Code;
use latchstring_core::session::{self, Key, check_profile, check_size};

use crate::contract as wit;

/// Hosts that call this component read no encrypted sessions.
pub(crate) fn parse_header(
    line: &[u8],
    rest_bytes: Option<u64>,
    place: &str,
) -> Result<Vec<String>, wit::Failure> {
    let origins = session::parse_header(line, rest_bytes, place);
    Ok(origins.map_err(|error| match error.code() {
        Code::StoreUnusable => {
            error.with_remedy("log in again without encryption, or use the native program")
        }
        _ => error,
    })?)
}

pub(crate) fn header_line(origins: &[String], session_bytes: u64) -> Result<String, wit::Failure> {
    let line = session::header_line(origins, session_bytes);
    check_size(session_bytes.saturating_add(line.len() as u64))?;
    Ok(line)
}

pub(crate) fn file_stem(profile: String, account: String) -> Result<String, wit::Failure> {
    check_profile(&profile)?;
    stem(&Key { profile, account })
}

pub(crate) fn registration_stem(name: &str) -> Result<String, wit::Failure> {
    stem(&Key::of_registration(name))
}

fn stem(key: &Key) -> Result<String, wit::Failure> {
    key.check()?;
    Ok(key.file_stem())
}
