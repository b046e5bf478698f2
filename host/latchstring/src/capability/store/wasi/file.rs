//! Sessions as files beside those of the native host, in the same format.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;

use super::locks;
use super::{Held, Key, Store, cannot, names, not_saved};
use crate::error::{Code, Error};
use crate::wasi::files;
use latchstring_core::session::is_encrypted;
use latchstring_core::session::{SESSION_LIMIT, aside_name, check_size, nothing_to_set_aside};

/// The extension of session files.
const SESSION: &str = "session";
/// The extension of the file by which the native host marks a session in the keyring.
const KEYRING: &str = "keyring";

/// Where sessions are kept unless the user names another folder.
const FOLDER: &str = "/state";

const LOCK_PATIENCE: Duration = Duration::from_secs(60);

/// Returns the default folder for sessions.
///
/// # Errors
///
/// Never fails here.
pub fn default_state_folder() -> Result<PathBuf, Error> {
    Ok(PathBuf::from(FOLDER))
}

/// Keeps each session in a file `PROFILE.ACCOUNT.session` in one folder.
///
/// A file is replaced by renaming a complete one over it. WASI can neither set nor read a
/// file's mode: the folder protects the files, and the umask of the program that runs this
/// one.
pub struct FileStore {
    folder: String,
    lock_patience: Duration,
}

impl FileStore {
    /// Keeps sessions in `folder`, which the first write creates.
    pub fn new(folder: PathBuf) -> Self {
        let folder = folder.to_string_lossy().trim_end_matches('/').to_owned();
        Self { folder, lock_patience: LOCK_PATIENCE }
    }

    /// Sets how long to wait for a lock. The default is 60 seconds.
    pub fn lock_patience(mut self, lock_patience: Duration) -> Self {
        self.lock_patience = lock_patience;
        self
    }

    /// Creates a temporary file in the sessions' folder with `bytes` in it. It is deleted when
    /// dropped.
    fn temporary(&self, key: &Key, bytes: &[u8]) -> Result<Temporary, Error> {
        let unique = names::unique()?;
        let path = format!("{}/{}{unique}.tmp", self.folder, temporary_prefix(key));
        // Comes first, so that a file that could be written only in part is deleted too.
        let temporary = Temporary(path);
        files::create(&temporary.0, bytes).map_err(|trouble| not_saved(&self.folder, &trouble))?;
        Ok(temporary)
    }

    /// Deletes temporary files that crashed writers of this key left behind: they may contain
    /// tokens.
    fn sweep(&self, key: &Key) {
        let prefix = temporary_prefix(key);
        for (name, _) in files::list(&self.folder).unwrap_or_default() {
            if name.starts_with(&prefix) {
                let _ = files::remove(&format!("{}/{name}", self.folder));
            }
        }
    }

    fn make_folder(&self) -> Result<(), Error> {
        files::make_folder(&self.folder)
            .map_err(|trouble| cannot("create", &format!("{}/", self.folder), &trouble))
    }
}

#[async_trait]
impl Store for FileStore {
    async fn read(&self, key: &Key) -> Result<Option<Vec<u8>>, Error> {
        let path = names::path(&self.folder, key, SESSION)?;
        let bytes =
            files::read(&path, SESSION_LIMIT).map_err(|trouble| cannot("read", &path, &trouble))?;
        if bytes.as_deref().is_some_and(is_encrypted) {
            return Err(Error::new(
                Code::StoreUnusable,
                format!("the stored session in {path} is encrypted, which a sandbox cannot read"),
                "use it with the native latch, or keep this profile's session unencrypted",
            ));
        }
        if bytes.is_none() && self.is_in_keyring(key)? {
            return Err(Error::new(
                Code::StoreUnusable,
                format!(
                    "the session of the profile {} is in the keyring, which a sandbox cannot reach",
                    key.profile
                ),
                "move it with the native program: latch move file",
            ));
        }
        Ok(bytes)
    }

    async fn write(&self, held: &Held, bytes: &[u8]) -> Result<(), Error> {
        let key = held.key();
        let path = names::path(&self.folder, key, SESSION)?;
        check_size(bytes.len() as u64)?;
        self.make_folder()?;
        check_lock(held)?;
        self.sweep(key);
        let temporary = self.temporary(key, bytes)?;
        files::rename(&temporary.0, &path).map_err(|trouble| not_saved(&path, &trouble))
    }

    async fn delete(&self, held: &Held) -> Result<(), Error> {
        let key = held.key();
        let path = names::path(&self.folder, key, SESSION)?;
        check_lock(held)?;
        self.sweep(key);
        files::remove(&path).map(drop).map_err(|trouble| cannot("delete", &path, &trouble))
    }

    /// Renames the file to `PROFILE.ACCOUNT.damaged`, with a number added if that name is
    /// taken.
    async fn set_aside(&self, held: &Held) -> Result<String, Error> {
        let key = held.key();
        let path = names::path(&self.folder, key, SESSION)?;
        let failed = |trouble| cannot("set aside", &path, &trouble);
        if files::kind(&path).map_err(failed)?.is_none() {
            return Err(nothing_to_set_aside(&path));
        }
        for turn in 1.. {
            let aside = names::path(&self.folder, key, &aside_name(turn))?;
            if files::kind(&aside).map_err(failed)?.is_none() {
                files::rename(&path, &aside).map_err(failed)?;
                return Ok(aside);
            }
        }
        Err(nothing_to_set_aside(&path))
    }

    async fn lock(&self, key: &Key) -> Result<Held, Error> {
        let path = names::path(&self.folder, key, locks::EXTENSION)?;
        self.make_folder()?;
        let lock = locks::lock_file(path.as_ref(), self.lock_patience).await?;
        Ok(Held::new(key, lock))
    }

    async fn list(&self) -> Result<Vec<Key>, Error> {
        names::keys(&self.folder, SESSION)
    }

    async fn probe(&self, key: &Key) -> Result<Option<String>, Error> {
        self.make_folder()?;
        let path = names::path(&self.folder, key, SESSION)?;
        files::kind(&path).map_err(|trouble| cannot("read", &path, &trouble))?;
        // About the size of a session with long tokens, to notice a full disk.
        self.temporary(key, &[0; 16 * 1024])?;
        Ok(None)
    }

    fn place(&self, key: &Key) -> String {
        format!("{}/{}.{SESSION}", self.folder, key.file_stem())
    }
}

impl FileStore {
    /// Whether the native host keeps this session in the keyring, which it marks by a file.
    fn is_in_keyring(&self, key: &Key) -> Result<bool, Error> {
        let path = names::path(&self.folder, key, KEYRING)?;
        let kind = files::kind(&path);
        Ok(kind.map_err(|trouble| cannot("read", &path, &trouble))?.is_some())
    }
}

/// Fails if another process has taken the lock over: a process that was stopped for too long
/// must not overwrite a newer session.
fn check_lock(held: &Held) -> Result<(), Error> {
    if held.is_held() {
        return Ok(());
    }
    Err(Error::new(
        Code::NotSaved,
        "another process has taken over the lock of this session, because this process was paused for too long",
        "check the session with: latch token; if that fails, log in again",
    ))
}

/// A file that is deleted when this is dropped, unless it was renamed before.
struct Temporary(String);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = files::remove(&self.0);
    }
}

fn temporary_prefix(key: &Key) -> String {
    format!(".{}.", key.file_stem())
}
