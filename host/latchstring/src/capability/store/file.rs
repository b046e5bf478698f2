//! A store of files that only their owner can read.

#[cfg(test)]
mod tests;

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use tempfile::NamedTempFile;

use super::failure::{cannot, not_saved, unusable};
use super::locks::Locks;
use super::{
    Held, Key, SESSION_LIMIT, Store, aside_name, check_size, guard, names, nothing_to_set_aside,
};
use crate::error::Error;
use crate::files;

/// The extension of session files.
const SESSION: &str = "session";

/// Keeps each session in a file `PROFILE.ACCOUNT.session` in one folder. A capital letter
/// in the profile is written as `+` and the small letter.
///
/// On Unix, the folder has mode 0700 and the files have mode 0600, whatever the umask. On
/// Windows, their access control lists name only the user. A folder or file that others
/// own, can enter or can read is refused with `store-unusable`; the superuser of the system
/// may read everything anyway.
///
/// A file is replaced by renaming a complete one over it, so that readers need no lock and
/// a crash leaves either the old session or the new one. Files are read and written on the
/// caller's thread: a write on another thread would outlive a cancelled call, and with it
/// the lock.
#[derive(Debug, Clone)]
pub struct FileStore {
    folder: PathBuf,
    locks: Locks,
}

impl FileStore {
    /// Keeps sessions in `folder`, which the first write creates.
    pub fn new(folder: PathBuf) -> Self {
        Self { locks: Locks::new(folder.clone()), folder }
    }

    /// Sets how long to wait for a lock. The default is 60 seconds.
    pub fn lock_patience(mut self, lock_patience: Duration) -> Self {
        self.locks.patience = lock_patience;
        self
    }

    fn read_now(&self, key: &Key) -> Result<Option<Vec<u8>>, Error> {
        let path = names::path(&self.folder, key, SESSION)?;
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
        let path = names::path(&self.folder, key, SESSION)?;
        check_size(bytes.len() as u64)?;
        guard::make_folder(&self.folder)?;
        self.sweep(key);
        let temporary = self.temporary(key, bytes)?;
        temporary.as_file().sync_all().map_err(|error| not_saved(&path, &error))?;
        files::put(temporary, &path).map_err(|error| not_saved(&path, &error))?;
        guard::sync_folder(&self.folder).map_err(|error| not_saved(&path, &error))
    }

    fn delete_now(&self, key: &Key) -> Result<(), Error> {
        let path = names::path(&self.folder, key, SESSION)?;
        if !guard::folder(&self.folder)? {
            return Ok(());
        }
        self.sweep(key);
        match files::remove(&path) {
            Ok(()) => {
                guard::sync_folder(&self.folder).map_err(|error| cannot("delete", &path, &error))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(cannot("delete", &path, &error)),
        }
    }

    fn set_aside_now(&self, key: &Key) -> Result<String, Error> {
        let path = names::path(&self.folder, key, SESSION)?;
        if !guard::folder(&self.folder)? || fs::symlink_metadata(&path).is_err() {
            return Err(nothing_to_set_aside(&path.display().to_string()));
        }
        let aside = (1..)
            .map(|turn| names::path(&self.folder, key, &aside_name(turn)))
            .find(|aside| aside.as_ref().is_ok_and(|aside| fs::symlink_metadata(aside).is_err()))
            // OK because there are more numbers than a folder can have names.
            .expect("a name that is not taken")?;
        let failed = |error: io::Error| cannot("set aside", &path, &error);
        files::rename(&path, &aside).map_err(failed)?;
        guard::sync_folder(&self.folder).map_err(failed)?;
        Ok(aside.display().to_string())
    }

    fn probe_now(&self, key: &Key) -> Result<(), Error> {
        names::path(&self.folder, key, SESSION)?;
        guard::make_folder(&self.folder)?;
        self.read_now(key)?;
        self.locks.probe()?;
        // About the size of a session with long tokens, to notice a full disk.
        self.temporary(key, &[0; 16 * 1024]).map(drop)
    }

    /// Creates a private temporary file in the sessions' folder with `bytes` in it. It is
    /// deleted when dropped.
    fn temporary(&self, key: &Key, bytes: &[u8]) -> Result<NamedTempFile, Error> {
        let failed = |error: io::Error| not_saved(&self.folder, &error);
        let temporary = files::new_private(&self.folder, &temporary_prefix(key), ".tmp");
        let temporary = temporary.map_err(failed)?;
        temporary.as_file().write_all(bytes).map_err(failed)?;
        Ok(temporary)
    }

    /// Removes temporary files that crashed writers of this key left behind: they may have
    /// tokens.
    ///
    /// The caller holds the lock, so no other writer is active. A file that cannot be
    /// removed does not harm the session.
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
}

#[async_trait]
impl Store for FileStore {
    async fn read(&self, key: &Key) -> Result<Option<Vec<u8>>, Error> {
        self.read_now(key)
    }

    async fn write(&self, held: &Held, bytes: &[u8]) -> Result<(), Error> {
        self.write_now(held.key(), bytes)
    }

    async fn delete(&self, held: &Held) -> Result<(), Error> {
        self.delete_now(held.key())
    }

    async fn lock(&self, key: &Key) -> Result<Held, Error> {
        Ok(Held::new(key, self.locks.lock(key).await?))
    }

    /// Renames the file to `PROFILE.ACCOUNT.damaged`, with a number added if that name is
    /// taken.
    async fn set_aside(&self, held: &Held) -> Result<String, Error> {
        self.set_aside_now(held.key())
    }

    async fn list(&self) -> Result<Vec<Key>, Error> {
        names::keys(&self.folder, SESSION)
    }

    async fn probe(&self, key: &Key) -> Result<Option<String>, Error> {
        self.probe_now(key).map(|()| None)
    }

    fn place(&self, key: &Key) -> String {
        self.folder.join(format!("{}.{SESSION}", key.file_stem())).display().to_string()
    }
}

fn temporary_prefix(key: &Key) -> String {
    format!(".{}.", key.file_stem())
}
