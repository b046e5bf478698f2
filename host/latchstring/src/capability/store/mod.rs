//! Stores that keep sessions between runs.

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
#[cfg(target_os = "wasi")]
pub use wasi::{FileLock, FileStore, default_state_folder, lock_file};

/// Returns a proof without a lock, for tests of what a store does with it.
#[cfg(test)]
pub(crate) fn held(key: &Key) -> Held {
    struct Nothing;
    impl Lock for Nothing {}
    Held::new(key, Nothing)
}
