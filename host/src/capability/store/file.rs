//! Sessions as files that only their owner can read.

mod guard;
#[cfg(test)]
mod tests;

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use tempfile::NamedTempFile;
use tokio::time::Instant;

use super::{Key, Lock, Store};
use crate::contract::Failure;
use crate::error::{Code, Error};

/// Bytes; more than any provider's tokens, less than would hurt to read.
const SESSION_LIMIT: u64 = 1024 * 1024;
const LOCK_PATIENCE: Duration = Duration::from_secs(60);
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// Keeps each session in a file `PROFILE.ACCOUNT.session` in one folder.
///
/// On Unix the folder has mode 0700 and the files 0600 whatever the umask, and
/// what others own, can enter or can read is refused with `store-unusable`.
/// Elsewhere the per-user folder that the caller chooses is the protection.
///
/// A file is replaced by renaming a complete one over it, so that a reader needs
/// no lock and a crash leaves the old session or the new one. Reading and writing
/// happen on the caller's thread: a write handed to another thread would outlive
/// a cancelled call, and with it the lock.
#[derive(Debug, Clone)]
pub struct FileStore {
    folder: PathBuf,
    lock_patience: Duration,
}

/// Released by the kernel when the file is closed, at the latest when the
/// process dies.
struct FileLock {
    _file: File,
}

impl Lock for FileLock {}

impl FileStore {
    /// Keeps sessions in `folder`, which the first write makes.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, lock_patience: LOCK_PATIENCE }
    }

    /// Waits so long for a lock instead of 60 seconds.
    pub fn with_lock_patience(self, lock_patience: Duration) -> Self {
        Self { lock_patience, ..self }
    }

    fn read_now(&self, key: &Key) -> Result<Option<Vec<u8>>, Error> {
        let path = self.path(key, "session")?;
        if !guard::folder(&self.folder)? {
            return Ok(None);
        }
        let Some(mut file) = guard::open_session(&path)? else {
            return Ok(None);
        };
        let size = guard::session_size(&file, &path)?;
        if size > SESSION_LIMIT {
            return Err(unusable(
                format!(
                    "{} has {size} bytes; a session has at most {SESSION_LIMIT}",
                    path.display()
                ),
                "remove the file and log in again",
            ));
        }
        let mut bytes = vec![0; usize::try_from(size).unwrap_or_default()];
        file.read_exact(&mut bytes).map_err(|error| cannot("read", &path, &error))?;
        Ok(Some(bytes))
    }

    fn write_now(&self, key: &Key, bytes: &[u8]) -> Result<(), Error> {
        let path = self.path(key, "session")?;
        if bytes.len() as u64 > SESSION_LIMIT {
            return Err(Error::new(
                Code::NotSaved,
                format!(
                    "the session has {} bytes; at most {SESSION_LIMIT} can be kept",
                    bytes.len()
                ),
                "ask for fewer scopes, so that the provider issues smaller tokens",
            ));
        }
        guard::make_folder(&self.folder)?;
        self.sweep(key);
        let temporary = self.temporary(key, bytes)?;
        temporary.as_file().sync_all().map_err(|error| not_saved(&path, &error))?;
        temporary.persist(&path).map_err(|error| not_saved(&path, &error.error))?;
        guard::sync_folder(&self.folder).map_err(|error| not_saved(&path, &error))
    }

    fn delete_now(&self, key: &Key) -> Result<(), Error> {
        let path = self.path(key, "session")?;
        if !guard::folder(&self.folder)? {
            return Ok(());
        }
        self.sweep(key);
        match fs::remove_file(&path) {
            Ok(()) => {
                guard::sync_folder(&self.folder).map_err(|error| cannot("delete", &path, &error))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(cannot("delete", &path, &error)),
        }
    }

    fn probe_now(&self, key: &Key) -> Result<(), Error> {
        self.path(key, "session")?;
        guard::make_folder(&self.folder)?;
        self.read_now(key)?;
        // As much as a session with long tokens takes, to notice a full disk.
        self.temporary(key, &[0; 16 * 1024]).map(drop)
    }

    fn list_now(&self) -> Result<Vec<Key>, Error> {
        if !guard::folder(&self.folder)? {
            return Ok(Vec::new());
        }
        let failed = |error: io::Error| cannot("list", &self.folder, &error);
        let mut keys = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
            if let (true, Some(key)) = (is_file, entry.file_name().to_str().and_then(parse_name)) {
                keys.push(key);
            }
        }
        keys.sort();
        Ok(keys)
    }

    /// A private file beside the sessions with `bytes` in it, deleted when dropped.
    fn temporary(&self, key: &Key, bytes: &[u8]) -> Result<NamedTempFile, Error> {
        let failed = |error: io::Error| not_saved(&self.folder, &error);
        let temporary = tempfile::Builder::new()
            .prefix(&temporary_prefix(key))
            .suffix(".tmp")
            .tempfile_in(&self.folder)
            .map_err(failed)?;
        guard::make_private(temporary.as_file()).map_err(failed)?;
        temporary.as_file().write_all(bytes).map_err(failed)?;
        Ok(temporary)
    }

    /// Removes what writers of this key that died left behind: it may hold tokens.
    ///
    /// The caller holds the lock, so no writer is alive. What cannot be removed
    /// does no harm to the session itself.
    fn sweep(&self, key: &Key) {
        let prefix = temporary_prefix(key);
        let Ok(entries) = fs::read_dir(&self.folder) else {
            return;
        };
        for entry in entries.flatten() {
            if entry.file_name().to_str().is_some_and(|name| name.starts_with(&prefix)) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    fn path(&self, key: &Key, extension: &str) -> Result<PathBuf, Error> {
        if !key.is_well_formed() {
            return Err(Error::new(
                Code::InvalidConfiguration,
                format!("{:?} cannot be a profile's name", key.profile),
                "use letters, digits, - and _, at most 64 of them",
            ));
        }
        Ok(self.folder.join(format!("{}.{}.{extension}", key.profile, key.account)))
    }
}

#[async_trait]
impl Store for FileStore {
    async fn read(&self, key: &Key) -> Result<Option<Vec<u8>>, Error> {
        self.read_now(key)
    }

    async fn write(&self, key: &Key, bytes: &[u8]) -> Result<(), Error> {
        self.write_now(key, bytes)
    }

    async fn delete(&self, key: &Key) -> Result<(), Error> {
        self.delete_now(key)
    }

    /// Polls, because a thread that waits inside the kernel could not be
    /// cancelled and would keep the program from ending.
    async fn lock(&self, key: &Key) -> Result<Box<dyn Lock>, Error> {
        let path = self.path(key, "lock")?;
        guard::make_folder(&self.folder)?;
        let file = guard::open_lock(&path)?;
        let deadline = Instant::now() + self.lock_patience;
        let mut pause = FIRST_PAUSE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Box::new(FileLock { _file: file })),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Interrupted => {}
                Err(TryLockError::Error(error)) => return Err(cannot("lock", &path, &error)),
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(still_locked(&path, self.lock_patience));
            }
            tokio::time::sleep(pause.min(left)).await;
            pause = (pause * 3 / 2).min(LONGEST_PAUSE);
        }
    }

    async fn list(&self) -> Result<Vec<Key>, Error> {
        self.list_now()
    }

    async fn probe(&self, key: &Key) -> Result<(), Error> {
        self.probe_now(key)
    }

    fn place(&self, key: &Key) -> String {
        let name = format!("{}.{}.session", key.profile, key.account);
        self.folder.join(name).display().to_string()
    }
}

fn parse_name(name: &str) -> Option<Key> {
    let (profile, account) = name.strip_suffix(".session")?.split_once('.')?;
    let key = Key { profile: profile.to_owned(), account: account.to_owned() };
    key.is_well_formed().then_some(key)
}

fn temporary_prefix(key: &Key) -> String {
    format!(".{}.{}.", key.profile, key.account)
}

fn unusable(message: String, remedy: &str) -> Error {
    Error::new(Code::StoreUnusable, message, remedy)
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Error {
    let remedy = match error.kind() {
        ErrorKind::PermissionDenied => "check who owns the folders above it and what they permit",
        ErrorKind::ReadOnlyFilesystem => "choose a folder that can be written to",
        ErrorKind::Unsupported => "choose a folder on a local file system",
        _ => "check the folder and its file system, or choose another folder",
    };
    unusable(format!("cannot {what} {}: {}", path.display(), reason(error)), remedy)
}

fn not_saved(path: &Path, error: &io::Error) -> Error {
    let remedy = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some space and try again",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "make the folder writable for you, or choose another folder"
        }
        _ => "check the folder and its file system, or choose another folder",
    };
    let message = format!("cannot write to {}: {}", path.display(), reason(error));
    Error::new(Code::NotSaved, message, remedy)
}

fn still_locked(path: &Path, patience: Duration) -> Error {
    Error::from(Failure {
        code: Code::StoreUnusable,
        message: format!(
            "{} is still locked by another process after {} s",
            path.display(),
            patience.as_secs()
        ),
        remedy: "try again; if it stays, end the other login or renewal of this profile".to_owned(),
        provider: None,
        retryable: true,
    })
}

/// The operating system's own words, without the temporary name that `tempfile` adds.
fn reason(error: &io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.source()) {
        Some(source) => source.to_string(),
        None => error.to_string(),
    }
}
