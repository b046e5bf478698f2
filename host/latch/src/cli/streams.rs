//! Standard streams, and files that the person names.

use std::fs::File;
use std::io::{self, Read as _, Write as _, stderr, stdin, stdout};
use std::path::Path;

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

/// A file, or standard input where it is `-`: at most so many bytes.
pub(crate) fn read(file: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match file == Path::new("-") {
        true => stdin().take(most).read_to_end(&mut bytes),
        false => File::open(file)?.take(most).read_to_end(&mut bytes),
    }?;
    Ok(bytes)
}
