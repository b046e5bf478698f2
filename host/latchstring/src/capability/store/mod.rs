//! Stores that keep sessions between runs.

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

pub use auto::AutoStore;
#[cfg(feature = "encryption")]
pub use encrypted::{EncryptedStore, Encryption};
pub use file::FileStore;
#[cfg(all(feature = "keyring", feature = "presets"))]
pub(crate) use keyring::ForeignEntry;
#[cfg(feature = "keyring")]
pub use keyring::KeyringStore;
pub use latchstring_core::capability::store::{Lock, Store};
pub use latchstring_core::session::Key;
pub(crate) use latchstring_core::session::check_size;
use latchstring_core::session::{SESSION_LIMIT, aside_name, nothing_to_set_aside};
pub use memory::MemoryStore;
pub use names::default_state_folder;
