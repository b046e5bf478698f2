//! What a row holds: one session, encrypted.
//!
//! A row is a line that names the format and the fingerprint of the key, and then the
//! session, encrypted with age. The encrypted part begins with the session's own name, so
//! that a row that was put in another row's place is refused.

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::super::{Encryption, Key};
use crate::error::{Code, Error};

/// The first word of a row.
const FORMAT: &str = "latchstring-1";
/// Longest first line.
const LONGEST_LINE: usize = 256;

/// Returns the name of the row of a session: a hash, so that the server learns no profile.
pub(super) fn row_name(key: &Key) -> String {
    let hash = Sha256::digest(format!("latchstring shared session {}", key.file_stem()));
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the row of a session.
pub(super) fn seal(encryption: &Encryption, key: &Key, session: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Zeroizing::new(Vec::with_capacity(session.len() + LONGEST_LINE));
    plain.extend_from_slice(key.file_stem().as_bytes());
    plain.push(b'\n');
    plain.extend_from_slice(session);
    let mut row = format!("{FORMAT} {}\n", encryption.fingerprint()).into_bytes();
    row.extend_from_slice(&encryption.encrypt(&plain).ok()?);
    Some(row)
}

/// Returns the session in a row, and what it is called. `place` is where the row is, for the
/// user.
pub(super) fn open(
    encryption: &Encryption,
    row: &[u8],
    place: &str,
) -> Result<(Key, Vec<u8>), Error> {
    let damaged = || {
        Error::new(
            Code::StoredDamaged,
            format!("a session in {place} is damaged or cut short"),
            "log in again; the old session is set aside, not deleted",
        )
    };
    let end = row.iter().take(LONGEST_LINE).position(|byte| *byte == b'\n').ok_or_else(damaged)?;
    let line = std::str::from_utf8(&row[..end]).map_err(|_| damaged())?;
    let fingerprint = match line.split_once(' ') {
        Some((FORMAT, fingerprint)) => fingerprint,
        Some((format, _)) if format.starts_with("latchstring-") => {
            return Err(Error::new(
                Code::StoredNewer,
                format!("a session in {place} was saved in the newer format {format}"),
                "use the newer version that saved it; nothing was changed",
            ));
        }
        _ => return Err(damaged()),
    };
    let own = encryption.fingerprint();
    let plain = encryption.decrypt(&row[end + 1..]).map_err(|error| match fingerprint == own {
        true => encryption.unreadable(&error, place),
        false => Error::new(
            Code::StoreUnusable,
            format!(
                "a session in {place} is encrypted for the key {fingerprint}, and this is the key {own}; nothing was changed"
            ),
            "use the key that the session was saved with: --key-file FILE or LATCH_STORE_KEY",
        ),
    })?;
    let end = plain.iter().position(|byte| *byte == b'\n').ok_or_else(damaged)?;
    let stem = std::str::from_utf8(&plain[..end]).map_err(|_| damaged())?;
    let key = Key::of_file_stem(stem).ok_or_else(damaged)?;
    Ok((key, plain[end + 1..].to_vec()))
}
