//! Standard output and standard error.

use std::io;

use wasip2::cli::{stderr, stdout};

use crate::wasi::streams::write_now;

/// Bytes on standard output, for whoever tells one failure from another.
pub(crate) fn put(bytes: &[u8]) -> io::Result<()> {
    write_now(&stdout::get_stdout(), bytes).map_err(|_| io::ErrorKind::BrokenPipe.into())
}

/// A line for the person.
pub(crate) fn say(text: &str) {
    err(&format!("{text}\n"));
}

/// As it is, on standard error.
pub(crate) fn err(text: &str) {
    // A closed standard error is nobody's failure.
    let _ = write_now(&stderr::get_stderr(), text.as_bytes());
}
