//! Where sessions are kept between runs.

mod auto;
#[cfg(feature = "encryption")]
mod encrypted;
mod failure;
mod file;
mod guard;
#[cfg(feature = "keyring")]
mod keyring;
mod locks;
mod memory;
mod names;

use async_trait::async_trait;

pub use auto::AutoStore;
#[cfg(feature = "encryption")]
pub use encrypted::{EncryptedStore, Encryption};
pub use file::FileStore;
#[cfg(all(feature = "keyring", feature = "presets"))]
pub(crate) use keyring::ForeignEntry;
#[cfg(feature = "keyring")]
pub use keyring::KeyringStore;
pub use latchstring_core::session::Key;
pub(crate) use latchstring_core::session::check_size;
use latchstring_core::session::{SESSION_LIMIT, aside_name, nothing_to_set_aside};
pub use memory::MemoryStore;
pub use names::default_state_folder;

use crate::error::{Code, Error};

/// Keeps bytes under keys, safe from other users.
#[async_trait]
pub trait Store: Send + Sync {
    /// What is stored now; none where there is nothing. Takes no lock.
    async fn read(&self, key: &Key) -> Result<Option<Vec<u8>>, Error>;

    /// Replaces what is stored, atomically and durably. The caller holds the lock.
    async fn write(&self, key: &Key, bytes: &[u8]) -> Result<(), Error>;

    /// Deletes what is stored; nothing to delete is no error. The caller holds the lock.
    async fn delete(&self, key: &Key) -> Result<(), Error>;

    /// Moves what is stored out of the way without deleting it, so that a damaged
    /// session can be looked into after the next login, and says for people where
    /// it is now. Nothing stored is an error. The caller holds the lock.
    ///
    /// A store that has nowhere to move it to keeps this default, which fails.
    async fn set_aside(&self, key: &Key) -> Result<String, Error> {
        Err(Error::new(
            Code::StoreUnusable,
            format!("{} cannot be set aside", self.place(key)),
            "save a copy of it if it matters, and delete it",
        ))
    }

    /// Waits for the key's lock, across processes. Dropping the guard, or the
    /// death of the process, releases it.
    async fn lock(&self, key: &Key) -> Result<Box<dyn Lock>, Error>;

    /// Every key that something is stored under, sorted.
    async fn list(&self) -> Result<Vec<Key>, Error>;

    /// Fails where `read` or `write` would, and changes nothing.
    ///
    /// For before a login: a person who has just logged in is not to learn that
    /// the session cannot be kept. A store that can tell more than `read` does
    /// says so here.
    ///
    /// Returns one line for the person where the session will be kept in a lesser
    /// place than could be expected, and why.
    async fn probe(&self, key: &Key) -> Result<Option<String>, Error> {
        self.read(key).await.map(|_| None)
    }

    /// Where this key is or would be kept, for people: a path, a keyring's name.
    fn place(&self, key: &Key) -> String;
}

/// A held lock.
pub trait Lock: Send {}
