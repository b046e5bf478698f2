//! Standard output and standard error.

use std::io::{self, Write as _, stderr, stdout};

/// Bytes on standard output, for whoever tells one failure from another.
pub(crate) fn put(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}

/// A line for the person.
pub(crate) fn say(text: &str) {
    // A closed standard error is nobody's failure.
    let _ = writeln!(stderr().lock(), "{text}");
}
