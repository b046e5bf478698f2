//! Standard streams, and files that the user names.

use std::fs::File;
use std::io::{self, Read as _, Write as _, stderr, stdin, stdout};
use std::path::Path;

use anstream::AutoStream;

/// Writes bytes to standard output, for callers that handle I/O errors themselves.
pub(crate) fn put(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}

/// Writes text that may have colours to standard output, as [`put`] does. Leaves the colours
/// out if standard output does not show them.
pub(crate) fn put_text(text: &str) -> io::Result<()> {
    let mut stdout = AutoStream::auto(stdout().lock());
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Prints a line for the user on standard error, with its colours if they show there.
pub(crate) fn say(text: &str) {
    // A closed standard error is not a failure.
    let _ = writeln!(AutoStream::auto(stderr().lock()), "{text}");
}

/// Reads a file, or standard input if it is `-`, up to `limit` bytes.
pub(crate) fn read(file: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match file == Path::new("-") {
        true => stdin().take(limit).read_to_end(&mut bytes),
        false => File::open(file)?.take(limit).read_to_end(&mut bytes),
    }?;
    Ok(bytes)
}
