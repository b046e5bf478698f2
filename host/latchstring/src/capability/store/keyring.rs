//! Sessions in the keyring of the operating system.

#[cfg(feature = "presets")]
mod foreign;
mod index;
#[cfg(target_os = "linux")]
mod kernel;
mod parts;
mod system;
#[cfg(test)]
mod tests;
mod time_limit;
mod vault;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::locks::Locks;
use super::{Held, Key, Store, aside_name, check_size, guard, nothing_to_set_aside};
use crate::error::Error;
#[cfg(feature = "presets")]
pub(crate) use foreign::ForeignEntry;
use index::Index;
#[cfg(target_os = "linux")]
use kernel::KernelVault;
use system::SystemVault;
use vault::{Trouble, Vault};

/// The extensions of the markers of sessions in the keyring, and in the kernel's.
const KEYRING: &str = "keyring";
#[cfg(target_os = "linux")]
const KERNEL: &str = "kernel";

const TIME_LIMIT: Duration = Duration::from_secs(3);
/// Most characters of a folder's path in an entry's name. The most restrictive system
/// allows 513 for the whole name.
const PATH_LIMIT: usize = 240;

/// Keeps each session in an entry of the keyring: Secret Service, Keychain, Credential
/// Manager, or the Linux kernel's.
///
/// A folder has the locks, the same that [`FileStore`] uses there, and an index of the
/// sessions in the keyring that can be read without asking it. The folder's path is part of
/// the entry's name, so that stores without common locks share no entries.
///
/// A keyring may never answer, for example if it shows a window that the user does not see.
/// So each operation has a time limit and fails when it is exceeded. A write that hangs may
/// still take effect later: it keeps the lock of its session until it ends, at the latest
/// with the process.
///
/// [`FileStore`]: super::FileStore
#[derive(Clone)]
pub struct KeyringStore {
    folder: PathBuf,
    index: Index,
    locks: Locks,
    vault: Arc<dyn Vault>,
    time_limit: Duration,
}

impl KeyringStore {
    /// Keeps sessions in this user's keyring, and locks and an index in `folder`, which the
    /// first write creates. Does not connect yet.
    pub fn new(folder: PathBuf) -> Self {
        Self::over(Arc::new(SystemVault::default()), folder, KEYRING)
    }

    /// Keeps sessions in the kernel's own keyring, for this user, and locks and an index in
    /// `folder`.
    ///
    /// Nothing is written to a disk, and no other program has to run. The kernel forgets a
    /// session when the machine restarts and, by default, if this user has not used the
    /// keyring for three days. [`probe`](Store::probe) returns a line that says so.
    #[cfg(target_os = "linux")]
    pub fn kernel(folder: PathBuf) -> Self {
        Self::over(Arc::new(KernelVault), folder, KERNEL)
    }

    /// Whether the kernel lets this process use its keyring. Containers often do not.
    #[cfg(target_os = "linux")]
    pub fn kernel_answers() -> bool {
        KernelVault.connect().is_ok()
    }

    fn over(vault: Arc<dyn Vault>, folder: PathBuf, extension: &'static str) -> Self {
        Self {
            index: Index::new(folder.clone(), extension),
            locks: Locks::new(folder.clone()),
            vault,
            time_limit: TIME_LIMIT,
            folder,
        }
    }

    /// Sets how long to wait for the keyring in each operation. The default is 3 seconds.
    pub fn time_limit(self, time_limit: Duration) -> Self {
        Self { time_limit, ..self }
    }

    /// Sets how long to wait for a lock. The default is 60 seconds.
    pub fn lock_patience(mut self, lock_patience: Duration) -> Self {
        self.locks.patience = lock_patience;
        self
    }

    /// Runs an operation on the key's entry that changes nothing.
    async fn ask<T: Send + 'static>(
        &self,
        key: &Key,
        work: impl FnOnce(&dyn Vault, &str) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, Trouble> {
        let entry = self.entry(key);
        time_limit::run(&self.vault, self.time_limit, move |vault| work(vault, &entry)).await
    }

    /// Runs an operation on the key's entry that changes it. The lock stays held until the
    /// operation ends, even if the caller stops waiting.
    async fn change<T: Send + 'static>(
        &self,
        held: &Held,
        work: impl FnOnce(&dyn Vault, &str) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, Trouble> {
        let until_done = held.clone();
        self.ask(held.key(), move |vault, entry| {
            let _held = until_done;
            work(vault, entry)
        })
        .await
    }

    /// Returns the user or account name of the entry.
    fn entry(&self, key: &Key) -> String {
        // The credential manager of Windows ignores case.
        let stem = match cfg!(windows) {
            true => key.file_stem(),
            false => format!("{}.{}", key.profile, key.account),
        };
        format!("{stem} in {}", folder_name(&self.folder))
    }
}

#[async_trait]
impl Store for KeyringStore {
    async fn read(&self, key: &Key) -> Result<Option<Vec<u8>>, Error> {
        key.check()?;
        let value = self.ask(key, parts::read).await;
        let value = value.map_err(|trouble| trouble.into_error(&self.place(key)))?;
        Ok(value.map(|mut value| std::mem::take(&mut *value)))
    }

    async fn write(&self, held: &Held, bytes: &[u8]) -> Result<(), Error> {
        let key = held.key();
        check_size(bytes.len() as u64)?;
        let is_new = self.index.add(key)?;
        let bytes = Zeroizing::new(bytes.to_vec());
        let written =
            self.change(held, move |vault, entry| parts::write(vault, entry, &bytes)).await;
        written.map_err(|trouble| {
            if is_new && !matches!(trouble, Trouble::Silent(_)) {
                // Nothing was stored. If the marker stays, it does no harm.
                let _ = self.index.remove(key);
            }
            trouble.into_unsaved()
        })
    }

    async fn delete(&self, held: &Held) -> Result<(), Error> {
        let key = held.key();
        key.check()?;
        let deleted = self.change(held, parts::delete).await;
        deleted.map_err(|trouble| trouble.into_error(&self.place(key)))?;
        self.index.remove(key)
    }

    /// Copies the session to an entry named `… damaged`, with a number added if that name
    /// is taken, and deletes the old entry.
    async fn set_aside(&self, held: &Held) -> Result<String, Error> {
        let key = held.key();
        key.check()?;
        let moved = self.change(held, set_aside).await;
        let moved = moved.map_err(|trouble| trouble.into_error(&self.place(key)))?;
        let entry = moved.ok_or_else(|| nothing_to_set_aside(&self.place(key)))?;
        self.index.remove(key)?;
        Ok(place(self.vault.name(), &entry))
    }

    async fn lock(&self, key: &Key) -> Result<Held, Error> {
        Ok(Held::new(key, self.locks.lock(key).await?))
    }

    /// Returns the index, which may have a session too many after a crash.
    async fn list(&self) -> Result<Vec<Key>, Error> {
        self.index.keys()
    }

    /// Writes and deletes a test entry.
    async fn probe(&self, key: &Key) -> Result<Option<String>, Error> {
        key.check()?;
        guard::make_folder(&self.folder)?;
        self.locks.probe()?;
        let probed = self.ask(key, |vault, entry| {
            parts::read(vault, entry)?;
            // A different name for each process, because two may probe at once.
            let entry = format!("{entry}, probe {}", std::process::id());
            vault.set(&entry, b"can be deleted")?;
            let read = vault.get(&entry)?;
            vault.delete(&entry)?;
            let is_kept = read.is_some_and(|read| read.as_slice() == b"can be deleted");
            if is_kept {
                Ok(())
            } else {
                Err(Trouble::Failed("it does not keep what is written to it".into()))
            }
        });
        probed.await.map_err(|trouble| trouble.into_error(&self.place(key)))?;
        // Said once: later logins and refreshes keep the session where it is.
        let is_new = !self.index.keys()?.contains(key);
        Ok(self.vault.lifetime().filter(|_| is_new))
    }

    fn place(&self, key: &Key) -> String {
        place(self.vault.name(), &self.entry(key))
    }
}

fn set_aside(vault: &dyn Vault, entry: &str) -> Result<Option<String>, Trouble> {
    let value = match parts::read(vault, entry) {
        Ok(Some(value)) => value,
        Ok(None) => return Ok(None),
        Err(Trouble::Damaged) => parts::salvage(vault, entry)?,
        Err(trouble) => return Err(trouble),
    };
    let mut turn = 1;
    let aside = loop {
        let aside = format!("{entry}, {}", aside_name(turn));
        if vault.get(&aside)?.is_none() {
            break aside;
        }
        turn += 1;
    };
    parts::write(vault, &aside, &value)?;
    parts::delete(vault, entry)?;
    Ok(Some(aside))
}

fn place(keyring: &str, entry: &str) -> String {
    format!("the keyring of this user ({keyring}), entry \"latchstring {entry}\"")
}

/// Returns the folder's path as one name, the same for each spelling and before it exists.
/// Returns a digest if the path is too long or not UTF-8.
fn folder_name(folder: &Path) -> String {
    let path = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let path = resolve(&path);
    match path.to_str() {
        Some(path) if path.len() <= PATH_LIMIT => path.to_owned(),
        _ => {
            let digest = Sha256::digest(path.as_os_str().as_encoded_bytes());
            format!("folder {digest:x}")
        }
    }
}

/// Resolves symbolic links in the existing part of the path.
#[cfg(unix)]
fn resolve(path: &Path) -> PathBuf {
    path.ancestors()
        .find_map(|above| {
            let there = above.canonicalize().ok()?;
            let below = path.strip_prefix(above).ok()?;
            Some(if below.as_os_str().is_empty() { there } else { there.join(below) })
        })
        .unwrap_or_else(|| path.to_owned())
}

/// Returns the path unchanged: links are rare here, and resolved paths are hard to read.
#[cfg(not(unix))]
fn resolve(path: &Path) -> PathBuf {
    path.to_owned()
}
