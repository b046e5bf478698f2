//! Ownership of the settings, which name programs to run and places to send tokens to.

use std::path::Path;

use latchstring::Error;

/// Fails with `invalid-configuration` if another user could have written the file or
/// put it into its folder. A missing file or folder is no error. Of a symbolic link, the
/// target is checked.
#[cfg(unix)]
pub(crate) fn check(file: &Path) -> Result<(), Error> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.into_iter().chain([file]).try_for_each(check_one)
}

#[cfg(unix)]
fn check_one(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::MetadataExt as _;

    // If this fails, reading the file fails too, and reports the error.
    let Ok(metadata) = std::fs::metadata(path) else { return Ok(()) };
    let user = rustix::process::geteuid().as_raw();
    let path = path.display();
    let owner = metadata.uid();
    if owner != user && owner != 0 {
        return Err(refused(
            format!("the settings in {path} belong to user {owner}, not to you ({user})"),
            "choose a folder that belongs to you with --config-dir".to_owned(),
        ));
    }
    // On most systems, the user's private group has the same number as the user.
    let group_is_shared = metadata.gid() != user;
    let is_sticky_folder = metadata.is_dir() && metadata.mode() & 0o1000 != 0;
    let others = metadata.mode() & if group_is_shared { 0o022 } else { 0o002 };
    if others != 0 && !is_sticky_folder {
        let path_text = path.to_string();
        let quoted = latchstring::words::quote(&path_text).unwrap_or(path_text);
        return Err(refused(
            format!("other users can write to {path} (mode {:03o})", metadata.mode() & 0o777),
            format!("run: chmod go-w {quoted}"),
        ));
    }
    Ok(())
}

#[cfg(any(unix, windows))]
fn refused(message: String, remedy: String) -> Error {
    Error::new(latchstring::Code::InvalidConfiguration, message, remedy)
}

#[cfg(windows)]
pub(crate) fn check(file: &Path) -> Result<(), Error> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.into_iter().chain([file]).try_for_each(check_one)
}

#[cfg(windows)]
fn check_one(path: &Path) -> Result<(), Error> {
    use latchstring::files::{OtherWriter, other_writer};

    // If this fails, reading the file fails too, and reports the error.
    let Ok(Some(OtherWriter { name, owns, repair })) = other_writer(path) else { return Ok(()) };
    let path = path.display();
    Err(match owns {
        true => refused(
            format!("the settings in {path} belong to {name}, not to you"),
            "choose a folder that belongs to you with --config-dir".to_owned(),
        ),
        false => refused(
            format!("other users can write to {path} ({name})"),
            format!("run in cmd or PowerShell: {repair}"),
        ),
    })
}

/// On other systems, the user's own folder is the protection.
#[cfg(not(any(unix, windows)))]
pub(crate) fn check(_: &Path) -> Result<(), Error> {
    Ok(())
}
