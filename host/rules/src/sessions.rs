//! What a stored session looks like.

use latchstring_core::session::{Key, check_size, header_line as line};

use crate::contract as wit;

pub(crate) fn header_line(
    origins: &[String],
    session_bytes: u64,
) -> Result<String, wit::Failure> {
    let line = line(origins, session_bytes);
    check_size(session_bytes.saturating_add(line.len() as u64))?;
    Ok(line)
}

pub(crate) fn file_stem(profile: String, account: String) -> Result<String, wit::Failure> {
    let key = Key { profile, account };
    key.check()?;
    Ok(key.file_stem())
}
