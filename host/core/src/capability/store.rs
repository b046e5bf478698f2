//! Stores that keep sessions between runs.

use std::sync::Arc;

use async_trait::async_trait;

use crate::error::{Code, Error};
use crate::session::Key;

/// Keeps bytes under keys, safe from other users.
#[async_trait]
pub trait Store: Send + Sync {
    /// Returns the stored bytes, or `None` if there are none. Takes no lock.
    ///
    /// # Errors
    ///
    /// Returns `store-unusable` if they cannot be read.
    async fn read(&self, key: &Key) -> Result<Option<Vec<u8>>, Error>;

    /// Replaces the bytes stored under the key of the lock, atomically and durably.
    ///
    /// # Errors
    ///
    /// Returns `not-saved` if they cannot be written.
    async fn write(&self, held: &Held, bytes: &[u8]) -> Result<(), Error>;

    /// Deletes the bytes stored under the key of the lock.
    ///
    /// # Errors
    ///
    /// Returns `store-unusable` if they cannot be deleted. It is no error if there are
    /// none.
    async fn delete(&self, held: &Held) -> Result<(), Error>;

    /// Moves the bytes stored under the key of the lock away without deleting them, so that
    /// a damaged session can be inspected after the next login. Returns a description, for
    /// the user, of where they are now.
    ///
    /// # Errors
    ///
    /// Returns `store-unusable` if nothing is stored or it cannot be moved. This default
    /// always fails; it is for a store that has no place to move a session to.
    async fn set_aside(&self, held: &Held) -> Result<String, Error> {
        Err(Error::new(
            Code::StoreUnusable,
            format!("{} cannot be set aside", self.place(held.key())),
            "save a copy if you need it, then delete it",
        ))
    }

    /// Waits for the key's lock, across processes. Dropping the result or ending the process
    /// releases it.
    ///
    /// # Errors
    ///
    /// Returns `store-unusable` if the lock cannot be taken. The error is retryable if
    /// another process holds the lock for too long.
    async fn lock(&self, key: &Key) -> Result<Held, Error>;

    /// Returns every key with stored bytes, sorted: those of sessions and of registrations.
    ///
    /// # Errors
    ///
    /// Returns `store-unusable` if the keys cannot be listed.
    async fn list(&self) -> Result<Vec<Key>, Error>;

    /// Checks that `read` and `write` would work, without changing anything. Called before
    /// a login, so that the user does not log in and then learn that the session cannot be
    /// kept.
    ///
    /// Returns one line for the user if the session will be kept in a less secure place
    /// than expected, and `None` otherwise. This default only calls `read`; override it if
    /// the store can check more.
    ///
    /// # Errors
    ///
    /// Fails if `read` or `write` would.
    async fn probe(&self, key: &Key) -> Result<Option<String>, Error> {
        self.read(key).await.map(|_| None)
    }

    /// Returns where the key's session is or would be kept, for the user: a path, a
    /// keyring's name.
    fn place(&self, key: &Key) -> String;
}

/// The held lock of a key: the proof that a caller may change what is stored under the key.
/// The lock is released when the last clone is dropped, so an operation that outlives its
/// caller keeps a clone.
#[derive(Clone)]
pub struct Held {
    key: Key,
    lock: Arc<dyn Lock>,
}

impl Held {
    /// Creates the proof, for a store that has taken the lock of `key`.
    pub fn new(key: &Key, lock: impl Lock + 'static) -> Self {
        Self { key: key.clone(), lock: Arc::new(lock) }
    }

    /// Returns the key whose lock is held.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Returns false if another process has taken the lock over: see [`Lock::is_held`].
    pub fn is_held(&self) -> bool {
        self.lock.is_held()
    }
}

/// A store's own part of a held lock. Dropping it releases the lock.
pub trait Lock: Send + Sync {
    /// Returns false if another process has taken the lock over, which only a store without
    /// locks of the system permits: it took this process for dead.
    fn is_held(&self) -> bool {
        true
    }
}
