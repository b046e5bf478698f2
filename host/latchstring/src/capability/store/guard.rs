//! Checks that folders and files are safe for tokens.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::Path;

use super::failure::{cannot, unusable};
use crate::error::Error;
use crate::files;
#[cfg(unix)]
use crate::words;

/// Returns whether the folder exists. Fails if it is not safe for secrets.
///
/// Checks the path, not a descriptor: a user who can swap the folder between this check and
/// an open owns a folder above it, and the opened file is checked as well.
pub(super) fn folder(path: &Path) -> Result<bool, Error> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            check_private(&metadata, path, "700", "choose a folder that belongs to you")?;
            Ok(true)
        }
        Ok(_) => Err(unusable(
            format!("{} is not a folder", path.display()),
            "remove it, or choose another folder",
        )),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(cannot("open", path, &error)),
    }
}

/// Creates the folder with private permissions if it does not exist, and checks it in both
/// cases.
pub(super) fn make_folder(path: &Path) -> Result<(), Error> {
    if folder(path)? {
        return Ok(());
    }
    files::create_folders(path).map_err(|error| cannot("create", path, &error))?;
    if folder(path)? {
        return Ok(());
    }
    Err(unusable(
        format!("{} is a broken symbolic link", path.display()),
        "remove it, or choose another folder",
    ))
}

/// Opens a session to read, or returns `None` if there is none. Does not follow a symbolic
/// link or wait for a pipe.
pub(super) fn open_session(path: &Path) -> Result<Option<File>, Error> {
    let mut options = OpenOptions::new();
    options.read(true);
    harden(&mut options);
    refuse_link(path)?;
    match files::open(&options, path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(not_opened(path, &error)),
    }
}

/// Returns the size of the opened session in bytes. Fails if the file is not safe for
/// secrets.
pub(super) fn session_size(file: &File, path: &Path) -> Result<u64, Error> {
    let metadata = file.metadata().map_err(|error| cannot("read", path, &error))?;
    check_regular(&metadata, path)?;
    check_private(&metadata, path, "600", "remove it and log in again")?;
    Ok(metadata.len())
}

/// Opens a lock or marker file, creating it if needed. Its contents are never read or
/// truncated.
pub(super) fn open_or_make(path: &Path) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    harden(&mut options);
    refuse_link(path)?;
    let file = files::open(&options, path).map_err(|error| not_opened(path, &error))?;
    let failed = |error: io::Error| cannot("make", path, &error);
    let metadata = file.metadata().map_err(failed)?;
    check_regular(&metadata, path)?;
    make_private(&file).map_err(failed)?;
    Ok(file)
}

fn check_regular(metadata: &Metadata, path: &Path) -> Result<(), Error> {
    if metadata.is_file() {
        return Ok(());
    }
    Err(unusable(format!("{} is not a regular file", path.display()), "remove it and log in again"))
}

fn not_opened(path: &Path, error: &io::Error) -> Error {
    if fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink()) {
        return not_followed(path);
    }
    cannot("open", path, error)
}

fn not_followed(path: &Path) -> Error {
    unusable(
        format!("{} is a symbolic link, which is not followed", path.display()),
        "remove it and log in again",
    )
}

/// Fails if the entry belongs to another user or others can access it. `mode` is the mode
/// that it should have, as `chmod` takes it.
#[cfg(unix)]
pub(super) fn check_private(
    metadata: &Metadata,
    path: &Path,
    mode: &str,
    disown: &str,
) -> Result<(), Error> {
    use std::os::unix::fs::MetadataExt;

    let user = rustix::process::geteuid().as_raw();
    if metadata.uid() != user {
        return Err(unusable(
            format!("{} belongs to user {}, not to you ({user})", path.display(), metadata.uid()),
            disown,
        ));
    }
    if metadata.mode() & 0o077 != 0 {
        let name = path.to_string_lossy();
        let quoted = words::quote(&name).unwrap_or_else(|| name.to_string());
        return Err(unusable(
            format!(
                "{} is open to other users (mode {:03o})",
                path.display(),
                metadata.mode() & 0o777
            ),
            &format!("run: chmod {mode} {quoted}"),
        ));
    }
    Ok(())
}

/// Fails if a systemd credential is open to other users. The service manager may own it,
/// and may have let its one user in by an access control list, which looks like a group
/// that can read.
#[cfg(all(unix, feature = "encryption"))]
pub(super) fn check_credential(metadata: &Metadata, path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::MetadataExt;

    let user = rustix::process::geteuid().as_raw();
    let is_owned = [0, user].contains(&metadata.uid());
    if is_owned && metadata.mode() & 0o037 == 0 {
        return Ok(());
    }
    Err(unusable(
        format!(
            "the credential {} is open to other users (owner {}, mode {:03o})",
            path.display(),
            metadata.uid(),
            metadata.mode() & 0o777
        ),
        "let systemd make it, with LoadCredentialEncrypted= or LoadCredential=",
    ))
}

#[cfg(all(not(unix), feature = "encryption"))]
pub(super) fn check_credential(_: &Metadata, _: &Path) -> Result<(), Error> {
    Ok(())
}

#[cfg(windows)]
pub(super) fn check_private(_: &Metadata, path: &Path, _: &str, disown: &str) -> Result<(), Error> {
    use crate::windows::access::{self, Stranger};

    match access::user_beside_owner(path).map_err(|error| cannot("check", path, &error))? {
        None => Ok(()),
        Some(Stranger::Owner(name)) => {
            Err(unusable(format!("{} belongs to {name}, not to you", path.display()), disown))
        }
        Some(Stranger::Guest(name)) => Err(unusable(
            format!("{} is open to other users ({name})", path.display()),
            &format!("run in cmd or PowerShell: {}", access::repair(path)),
        )),
    }
}

#[cfg(not(any(unix, windows)))]
pub(super) fn check_private(_: &Metadata, _: &Path, _: &str, _: &str) -> Result<(), Error> {
    Ok(())
}

#[cfg(unix)]
fn harden(options: &mut OpenOptions) {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;

    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    options.mode(0o600).custom_flags(flags.bits().cast_signed());
}

/// Symbolic links are refused before, by [`refuse_link`].
#[cfg(not(unix))]
fn harden(_: &mut OpenOptions) {}

/// On Unix, the system does not follow them.
#[cfg(unix)]
fn refuse_link(_: &Path) -> Result<(), Error> {
    Ok(())
}

/// Nobody else can put a link into the folder after this: it was checked.
#[cfg(not(unix))]
fn refuse_link(path: &Path) -> Result<(), Error> {
    match fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink()) {
        true => Err(not_followed(path)),
        false => Ok(()),
    }
}

/// Sets mode 0600, whatever the umask was.
#[cfg(unix)]
fn make_private(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    file.set_permissions(fs::Permissions::from_mode(0o600))
}

/// On other systems, what comes into a private folder is private.
#[cfg(not(unix))]
fn make_private(_: &File) -> io::Result<()> {
    Ok(())
}

/// Makes a rename or removal in the folder survive a crash.
#[cfg(unix)]
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    match File::open(path)?.sync_all() {
        // Some network file systems do not support this and order such changes themselves.
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => {
            Ok(())
        }
        result => result,
    }
}

#[cfg(not(unix))]
pub(super) fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
