//! The configuration file on this system: where it is, how it is locked and replaced.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use directories::ProjectDirs;
use latchstring::{Code, Error, files};
use tokio::time::Instant;

use super::not_written;

/// Time limit for the lock. A change takes milliseconds.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);
const LOCK_RETRY_DELAY: Duration = Duration::from_millis(5);

/// Replaces the file atomically. A symbolic link stays one: users keep their settings
/// elsewhere and link to them.
pub(super) fn replace(path: &Path, text: &str) -> Result<(), Error> {
    let path = dunce::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let write = || -> std::io::Result<()> {
        create_parent(&path)?;
        files::replace(&path, |file| file.write_all(text.as_bytes()))
    };
    write().map_err(|error| not_written(&path, &error.to_string()))
}

/// Creates the file's folder for the owner only: with an open umask, other users could
/// otherwise write the settings.
fn create_parent(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.map_or(Ok(()), files::create_folders)
}

/// Locks the file until the result is dropped. Returns `None` on a file system without
/// locks.
pub(super) async fn lock(path: &Path) -> Result<Option<File>, Error> {
    let lock_file = path.with_extension("lock");
    let open = || {
        create_parent(path)?;
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&lock_file)
    };
    let file = open().map_err(|error| not_written(path, &error.to_string()))?;
    let until = Instant::now() + LOCK_TIMEOUT;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) if Instant::now() < until => {
                tokio::time::sleep(LOCK_RETRY_DELAY).await;
            }
            Err(TryLockError::WouldBlock) => {
                return Err(not_written(path, "another process has locked it"));
            }
            Err(TryLockError::Error(_)) => return Ok(None),
        }
    }
}

/// Returns the platform's configuration folder.
pub(super) fn default_folder() -> Result<PathBuf, Error> {
    ProjectDirs::from("", "", "latchstring")
        .map(|folders| folders.config_dir().to_owned())
        .ok_or_else(|| {
            Error::new(
                Code::InvalidConfiguration,
                "there is no home folder to keep settings in",
                match cfg!(windows) {
                    true => "pass --config-dir and --state-dir",
                    false => "set HOME, or pass --config-dir and --state-dir",
                },
            )
        })
}
