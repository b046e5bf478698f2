//! Who may read a file with a secret.

use std::io;
use std::path::Path;

use crate::error::{Code, Error};

/// Refuses a file that other users can read. `what` names it in the error. Fails with an I/O
/// error if there is no such file.
#[cfg(unix)]
pub(super) fn check_permissions(path: &Path, what: &str) -> io::Result<Result<(), Error>> {
    use std::os::unix::fs::MetadataExt as _;

    if std::fs::metadata(path)?.mode() & 0o077 == 0 {
        return Ok(Ok(()));
    }
    let path = path.display();
    Ok(Err(Error::new(
        Code::InvalidConfiguration,
        format!("other users can read or write {what} {path}"),
        format!("run: chmod 600 {path}"),
    )))
}

#[cfg(not(unix))]
pub(super) fn check_permissions(_: &Path, _: &str) -> io::Result<Result<(), Error>> {
    Ok(Ok(()))
}
