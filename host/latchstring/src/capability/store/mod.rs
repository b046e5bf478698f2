//! Stores that keep sessions between runs.
//!
//! ```
//! use async_trait::async_trait;
//! use latchstring::capability::store::{FileStore, Held, Key, Store};
//! use latchstring::{Code, Error};
//!
//! /// Reads sessions from files, and changes none.
//! struct ReadOnly(FileStore);
//!
//! #[async_trait]
//! impl Store for ReadOnly {
//!     async fn read(&self, key: &Key) -> Result<Option<Vec<u8>>, Error> {
//!         self.0.read(key).await
//!     }
//!     async fn write(&self, _: &Held, _: &[u8]) -> Result<(), Error> {
//!         Err(Error::new(Code::NotSaved, "sessions are read-only here", "log in elsewhere"))
//!     }
//!     async fn delete(&self, _: &Held) -> Result<(), Error> {
//!         Err(Error::new(Code::NotSaved, "sessions are read-only here", "log out elsewhere"))
//!     }
//!     async fn lock(&self, key: &Key) -> Result<Held, Error> {
//!         self.0.lock(key).await
//!     }
//!     async fn list(&self) -> Result<Vec<Key>, Error> {
//!         self.0.list().await
//!     }
//!     fn place(&self, key: &Key) -> String {
//!         self.0.place(key)
//!     }
//! }
//! ```

#[cfg(not(target_os = "wasi"))]
mod auto;
#[cfg(feature = "encryption")]
mod encrypted;
#[cfg(not(target_os = "wasi"))]
mod failure;
#[cfg(not(target_os = "wasi"))]
mod file;
#[cfg(not(target_os = "wasi"))]
mod guard;
#[cfg(feature = "keyring")]
mod keyring;
#[cfg(not(target_os = "wasi"))]
mod locks;
mod memory;
#[cfg(not(target_os = "wasi"))]
mod names;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod shared;
#[cfg(target_os = "wasi")]
mod wasi;

#[cfg(not(target_os = "wasi"))]
pub use auto::AutoStore;
#[cfg(feature = "encryption")]
pub use encrypted::{EncryptedStore, Encryption};
#[cfg(not(target_os = "wasi"))]
pub use file::FileStore;
#[cfg(all(feature = "keyring", feature = "presets"))]
pub(crate) use keyring::ForeignEntry;
#[cfg(feature = "keyring")]
pub use keyring::KeyringStore;
pub use latchstring_core::capability::store::{Held, Lock, Store};
pub use latchstring_core::session::Key;
#[cfg(not(target_os = "wasi"))]
pub(crate) use latchstring_core::session::check_size;
use latchstring_core::session::nothing_to_set_aside;
#[cfg(not(target_os = "wasi"))]
use latchstring_core::session::{SESSION_LIMIT, aside_name};
pub use memory::MemoryStore;
#[cfg(not(target_os = "wasi"))]
pub use names::default_state_folder;
#[cfg(any(feature = "postgres", feature = "redis"))]
pub use shared::{SharedStore, StoreAddress};
#[cfg(target_os = "wasi")]
pub use wasi::{FileLock, FileStore, default_state_folder, lock_file};

/// Returns a proof without a lock, for tests of what a store does with it.
#[cfg(test)]
pub(crate) fn held(key: &Key) -> Held {
    struct Nothing;
    impl Lock for Nothing {}
    Held::new(key, Nothing)
}
