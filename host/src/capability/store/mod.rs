//! Where sessions are kept between runs.

mod auto;
mod encrypted;
mod failure;
mod file;
mod guard;
mod keyring;
mod locks;
mod memory;
mod names;

use async_trait::async_trait;

pub use auto::AutoStore;
pub(crate) use encrypted::is_encrypted;
pub use encrypted::{EncryptedStore, Encryption};
pub use file::FileStore;
pub(crate) use keyring::ForeignEntry;
pub use keyring::KeyringStore;
pub use memory::MemoryStore;

use crate::error::{Code, Error};

/// Bytes; more than any provider's tokens, less than would hurt to read.
const SESSION_LIMIT: u64 = 1024 * 1024;

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

/// What a session is stored under.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The profile: letters, digits, `-` and `_`, at most 64.
    pub profile: String,
    /// The component's `account-key`: lower-case letters and digits, at most 128.
    pub account: String,
}

impl Key {
    /// Whether both parts are made of what they may be made of. A store whose
    /// names are paths relies on it.
    pub fn is_well_formed(&self) -> bool {
        let profile = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        let account = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        (1..=64).contains(&self.profile.len())
            && (1..=128).contains(&self.account.len())
            && self.profile.bytes().all(profile)
            && self.account.bytes().all(account)
    }
}

/// Fails where a session is too large to be read back.
pub(crate) fn check_size(bytes: &[u8]) -> Result<(), Error> {
    if bytes.len() as u64 <= SESSION_LIMIT {
        return Ok(());
    }
    Err(Error::new(
        Code::NotSaved,
        format!("the session has {} bytes; at most {SESSION_LIMIT} can be kept", bytes.len()),
        "ask for fewer scopes, so that the provider issues smaller tokens",
    ))
}

/// What damaged sessions are called, behind their own name or as an extension.
fn aside_name(turn: u32) -> String {
    if turn == 1 { "damaged".to_owned() } else { format!("damaged-{turn}") }
}

fn nothing_to_set_aside(place: &str) -> Error {
    Error::new(
        Code::StoreUnusable,
        format!("nothing is stored in {place} that could be set aside"),
        "log in",
    )
}
