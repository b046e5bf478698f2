//! Standard streams, and files that the person names.

use std::io;
use std::path::Path;

use wasip2::cli::{stderr, stdin, stdout};
use wasip2::io::streams::StreamError;

use crate::wasi::files::{self, Links};
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

/// A file, or standard input where it is `-`: at most so many bytes.
pub(crate) fn read(file: &Path, most: u64) -> io::Result<Vec<u8>> {
    if file != Path::new("-") {
        let bytes = files::read(&file.to_string_lossy(), most, Links::Followed);
        let bytes = bytes.map_err(|trouble| io::Error::other(trouble.reason()))?;
        return bytes.ok_or_else(|| io::ErrorKind::NotFound.into());
    }
    let stdin = stdin::get_stdin();
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < most {
        match stdin.blocking_read(64 * 1024) {
            Ok(piece) => bytes.extend(piece),
            Err(StreamError::Closed) => break,
            Err(_) => return Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
    Ok(bytes)
}
