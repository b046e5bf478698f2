//! Locks shared by all stores over one folder.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use super::failure::{not_locked, not_saved};
use super::{Key, Lock, guard, names};
use crate::error::{Code, Error};
use crate::files;

const PATIENCE: Duration = Duration::from_secs(60);
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// Locks each key with a file `PROFILE.ACCOUNT.lock`, whichever store has the session, so
/// that a session that moves to another store keeps its lock.
#[derive(Debug, Clone)]
pub(super) struct Locks {
    folder: PathBuf,
    /// How long to wait for a lock that another process or task holds.
    pub(super) patience: Duration,
}

/// A held lock. The kernel releases it when the file is closed, at the latest when the
/// process ends.
pub(super) struct FileLock {
    _file: File,
}

impl Lock for FileLock {}

impl Locks {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, patience: PATIENCE }
    }

    /// Fails if the folder is on a file system without locks. The folder must exist.
    pub(super) fn probe(&self) -> Result<(), Error> {
        let file = files::new_private(&self.folder, ".probe.", ".tmp")
            .map_err(|error| not_saved(&self.folder, &error))?;
        match file.as_file().try_lock() {
            Err(TryLockError::Error(error)) => Err(not_locked(&self.folder, &error)),
            _ => Ok(()),
        }
    }

    /// Takes the lock of `key`. Polls, because a thread that waits in the kernel could not
    /// be cancelled and would keep the program from ending.
    pub(super) async fn lock(&self, key: &Key) -> Result<FileLock, Error> {
        let path = names::path(&self.folder, key, "lock")?;
        guard::make_folder(&self.folder)?;
        // Never deleted: a process that waits for a deleted file would hold a lock that no
        // other process sees.
        let file = guard::open_or_make(&path)?;
        // `None` means never.
        let deadline = Instant::now().checked_add(self.patience);
        let mut pause = FIRST_PAUSE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(FileLock { _file: file }),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Interrupted => {}
                Err(TryLockError::Error(error)) => return Err(not_locked(&path, &error)),
            }
            let left = deadline.map_or(Duration::MAX, |deadline| {
                deadline.saturating_duration_since(Instant::now())
            });
            if left.is_zero() {
                return Err(still_locked(&path, self.patience));
            }
            tokio::time::sleep(pause.min(left)).await;
            pause = (pause * 3 / 2).min(LONGEST_PAUSE);
        }
    }
}

fn still_locked(path: &Path, patience: Duration) -> Error {
    let message = format!(
        "{} is still locked by another process after {} s",
        path.display(),
        patience.as_secs()
    );
    let remedy = "try again; if this persists, stop the other process that uses this session";
    Error::new(Code::StoreUnusable, message, remedy).retryable()
}
