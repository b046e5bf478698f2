//! Checks that folders and files are safe for tokens.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::Path;

use super::failure::{cannot, unusable};
use crate::error::Error;

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
    create_folders(path).map_err(|error| cannot("create", path, &error))?;
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
    match options.open(path) {
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
    let file = options.open(path).map_err(|error| not_opened(path, &error))?;
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
        return unusable(
            format!("{} is a symbolic link, which is not followed", path.display()),
            "remove it and log in again",
        );
    }
    cannot("open", path, error)
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
        let quoted = shlex::try_quote(&name).unwrap_or_else(|_| name.clone());
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

#[cfg(not(unix))]
pub(super) fn check_private(_: &Metadata, _: &Path, _: &str, _: &str) -> Result<(), Error> {
    Ok(())
}

/// Creates the folder and missing parent folders, for the owner only.
#[cfg(unix)]
pub(super) fn create_folders(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};

    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty())
        && !parent.exists()
    {
        create_folders(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        // The umask may have removed bits of the owner.
        Ok(()) => fs::set_permissions(path, fs::Permissions::from_mode(0o700)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(not(unix))]
pub(super) fn create_folders(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).create(path)
}

#[cfg(unix)]
fn harden(options: &mut OpenOptions) {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;

    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    options.mode(0o600).custom_flags(flags.bits().cast_signed());
}

#[cfg(not(unix))]
fn harden(_: &mut OpenOptions) {}

/// Sets mode 0600, whatever the umask was.
#[cfg(unix)]
pub(super) fn make_private(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    file.set_permissions(fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
pub(super) fn make_private(_: &File) -> io::Result<()> {
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
