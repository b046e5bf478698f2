//! Stores that keep sessions between runs.

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

    /// Replaces the stored bytes, atomically and durably. The caller holds the lock.
    ///
    /// # Errors
    ///
    /// Returns `not-saved` if they cannot be written.
    async fn write(&self, key: &Key, bytes: &[u8]) -> Result<(), Error>;

    /// Deletes the stored bytes. The caller holds the lock.
    ///
    /// # Errors
    ///
    /// Returns `store-unusable` if they cannot be deleted. It is no error if there are
    /// none.
    async fn delete(&self, key: &Key) -> Result<(), Error>;

    /// Moves the stored bytes away without deleting them, so that a damaged session can be
    /// inspected after the next login. Returns a description, for the user, of where they
    /// are now. The caller holds the lock.
    ///
    /// # Errors
    ///
    /// Returns `store-unusable` if nothing is stored or it cannot be moved. This default
    /// always fails; it is for a store that has no place to move a session to.
    async fn set_aside(&self, key: &Key) -> Result<String, Error> {
        Err(Error::new(
            Code::StoreUnusable,
            format!("{} cannot be set aside", self.place(key)),
            "save a copy of it if it matters, and delete it",
        ))
    }

    /// Waits for the key's lock, across processes. Dropping the guard or ending the process
    /// releases it.
    ///
    /// # Errors
    ///
    /// Returns `store-unusable` if the lock cannot be taken. The error is retryable if
    /// another process holds the lock for too long.
    async fn lock(&self, key: &Key) -> Result<Box<dyn Lock>, Error>;

    /// Returns every key with stored bytes, sorted.
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

/// A held lock.
pub trait Lock: Send {}
