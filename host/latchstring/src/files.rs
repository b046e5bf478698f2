//! Files that are replaced as a whole: after a crash there is the old file or the new one.
//!
//! On Windows, a file that another program has open, such as a virus scanner or another
//! process that reads it, cannot be replaced for that time. Everything here waits for that.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use tempfile::NamedTempFile;

#[cfg(windows)]
mod busy;
#[cfg(windows)]
pub(crate) use busy::wait_while_busy;

/// Calls `operation` once: on this system, an open file is in nobody's way.
#[cfg(not(windows))]
pub(crate) fn wait_while_busy<T>(mut operation: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    operation()
}

/// Replaces the file at `path` by one that only this user can read, with what `write`
/// writes. Creates the file if it does not exist.
///
/// # Errors
///
/// Fails if `write` does, or if the file or its folder cannot be written. The file is as it
/// was then.
pub fn replace(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    write_and_move(new_private(folder_of(path), ".", ".tmp")?, path, write)
}

/// Replaces the file at `path`, as [`replace`] does. On Windows, its folder decides who can
/// read it.
///
/// # Errors
///
/// Fails like [`replace`].
pub fn replace_shared(
    path: &Path,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    write_and_move(NamedTempFile::new_in(folder_of(path))?, path, write)
}

fn write_and_move(
    mut file: NamedTempFile,
    path: &Path,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    write(file.as_file_mut())?;
    file.as_file().sync_all()?;
    put(file, path)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Creates a file in `folder` that only this user can read. It is deleted when dropped.
pub(crate) fn new_private(folder: &Path, prefix: &str, suffix: &str) -> io::Result<NamedTempFile> {
    tempfile::Builder::new().prefix(prefix).suffix(suffix).make_in(folder, create_private)
}

#[cfg(unix)]
fn create_private(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};

    let file = File::options().read(true).write(true).create_new(true).mode(0o600).open(path)?;
    // The umask may have removed bits of the owner.
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    Ok(file)
}

#[cfg(windows)]
fn create_private(path: &Path) -> io::Result<File> {
    crate::windows::access::create_file(path)
}

/// Moves a complete file to `path`, over an earlier one.
pub(crate) fn put(file: NamedTempFile, path: &Path) -> io::Result<()> {
    // Closed first: on Windows, an open file may be in the way.
    let new = file.into_temp_path().keep().map_err(|error| error.error)?;
    rename(&new, path).inspect_err(|_| {
        // What stays is cleaned up with the next change, by its name.
        let _ = fs::remove_file(&new);
    })
}

/// Moves a complete file to `path`. Fails with `AlreadyExists` if there is one.
pub(crate) fn put_new(file: NamedTempFile, path: &Path) -> io::Result<()> {
    let mut file = Some(file.into_temp_path());
    wait_while_busy(|| match file.take().map(|file| file.persist_noclobber(path)) {
        Some(Err(error)) => {
            file = Some(error.path);
            Err(error.error)
        }
        _ => Ok(()),
    })
}

/// Renames a file, over an earlier one if there is one.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    wait_while_busy(|| fs::rename(from, to))
}

/// Removes a file.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    wait_while_busy(|| fs::remove_file(path))
}

/// Opens a file that may be replaced at this moment.
pub(crate) fn open(options: &fs::OpenOptions, path: &Path) -> io::Result<File> {
    wait_while_busy(|| options.open(path))
}

/// Creates the folder and missing parent folders, for this user only.
///
/// # Errors
///
/// Fails if a folder cannot be created.
pub fn create_folders(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty())
        && !parent.exists()
    {
        create_folders(parent)?;
    }
    match create_folder(path) {
        // Windows has other errors for a drive that is there.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists && !path.is_dir() => Err(error),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn create_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};

    fs::DirBuilder::new().mode(0o700).create(path)?;
    // The umask may have removed bits of the owner.
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))
}

#[cfg(windows)]
fn create_folder(path: &Path) -> io::Result<()> {
    crate::windows::access::create_folder(path)
}

/// Whether other users can change a file, or put files into a folder.
///
/// # Errors
///
/// Fails if the file cannot be asked, such as one that does not exist.
#[cfg(windows)]
pub fn other_writer(path: &Path) -> io::Result<Option<OtherWriter>> {
    use crate::windows::access::{self, Stranger};

    Ok(access::writer_beside_owner(path)?.map(|stranger| match stranger {
        Stranger::Owner(name) => OtherWriter { name, owns: true, repair: access::repair(path) },
        Stranger::Guest(name) => OtherWriter { name, owns: false, repair: access::repair(path) },
    }))
}

/// Another user who can write a file.
#[cfg(windows)]
#[derive(Debug)]
pub struct OtherWriter {
    /// The name of the user or group.
    pub name: String,
    /// Whether the file belongs to them.
    pub owns: bool,
    /// The command that makes the file private, for cmd and PowerShell.
    pub repair: String,
}
