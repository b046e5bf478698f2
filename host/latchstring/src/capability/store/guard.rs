//! What makes a folder and a file safe to keep tokens in.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::Path;

use super::failure::{cannot, unusable};
use crate::error::Error;

/// Whether the folder is there; fails where it is not fit for secrets.
///
/// Checked by path and not by descriptor: whoever can swap the folder between
/// this check and an open owns a folder above it, and still has to get past the
/// check of the opened file.
pub(super) fn folder(path: &Path) -> Result<bool, Error> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            check_private(&metadata, path, "700", "choose a folder of your own")?;
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

/// Makes the folder, private from the start, unless it is there; checks it in
/// either case.
pub(super) fn make_folder(path: &Path) -> Result<(), Error> {
    if folder(path)? {
        return Ok(());
    }
    create_folders(path).map_err(|error| cannot("create", path, &error))?;
    if folder(path)? {
        return Ok(());
    }
    Err(unusable(
        format!("{} is a symbolic link to nowhere", path.display()),
        "remove it, or choose another folder",
    ))
}

/// Opens a session to read; none where there is none. Neither follows a
/// symbolic link nor waits for a pipe.
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

/// The opened session's size in bytes; fails where it is not fit for secrets.
pub(super) fn session_size(file: &File, path: &Path) -> Result<u64, Error> {
    let metadata = file.metadata().map_err(|error| cannot("read", path, &error))?;
    check_regular(&metadata, path)?;
    check_private(&metadata, path, "600", "remove it and log in again")?;
    Ok(metadata.len())
}

/// Opens a file for what it is and not for what is in it, made where it is missing.
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

/// Fails where the entry belongs to someone else or others can reach it.
/// `mode` is what it should be, as `chmod` takes it.
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
            format!("{} is open to others (mode {:03o})", path.display(), metadata.mode() & 0o777),
            &format!("run: chmod {mode} {quoted}"),
        ));
    }
    Ok(())
}

#[cfg(not(unix))]
pub(super) fn check_private(_: &Metadata, _: &Path, _: &str, _: &str) -> Result<(), Error> {
    Ok(())
}

/// Creates the folder and those above it that are missing, for the owner only.
#[cfg(unix)]
pub(super) fn create_folders(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};

    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty())
        && !parent.exists()
    {
        create_folders(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        // The umask can only have taken bits away; the owner gets them back.
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

/// Gives the file mode 0600 whatever the umask made of it.
#[cfg(unix)]
pub(super) fn make_private(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    file.set_permissions(fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
pub(super) fn make_private(_: &File) -> io::Result<()> {
    Ok(())
}

/// Makes a rename or a removal in the folder survive a crash.
#[cfg(unix)]
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    match File::open(path)?.sync_all() {
        // Some network file systems cannot, and order such changes themselves.
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
