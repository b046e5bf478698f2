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

#[cfg(windows)]
pub(super) fn check_permissions(path: &Path, what: &str) -> io::Result<Result<(), Error>> {
    use crate::windows::access::{self, Stranger};

    let Some(stranger) = access::user_beside_owner(path)? else { return Ok(Ok(())) };
    let (path, repair) = (path.display(), access::repair(path));
    let (message, remedy) = match stranger {
        Stranger::Owner(name) => (
            format!("{what} {path} belongs to {name}, not to you"),
            "use a file that belongs to you".to_owned(),
        ),
        Stranger::Guest(name) => (
            format!("other users can read or write {what} {path} ({name})"),
            format!("run in cmd or PowerShell: {repair}"),
        ),
    };
    Ok(Err(Error::new(Code::InvalidConfiguration, message, remedy)))
}

#[cfg(not(any(unix, windows)))]
pub(super) fn check_permissions(_: &Path, _: &str) -> io::Result<Result<(), Error>> {
    Ok(Ok(()))
}
