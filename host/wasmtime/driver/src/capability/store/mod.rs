//! Where sessions are kept between runs: files, for a sandbox reaches no keyring.

mod file;
mod locks;
mod names;

use async_trait::async_trait;

pub(crate) use file::FileStore;
pub use latchstring_core::session::Key;
pub(crate) use latchstring_core::session::check_size;
pub(crate) use locks::lock_file;

use crate::error::{Code, Error};
use crate::wasi::files::{ErrorCode, Trouble};

/// Keeps bytes under keys. The contracts are those of the native host's stores.
#[async_trait(?Send)]
pub trait Store {
    /// What is stored now; none where there is nothing. Takes no lock.
    async fn read(&self, key: &Key) -> Result<Option<Vec<u8>>, Error>;

    /// Replaces what is stored, atomically and durably. The caller holds the lock.
    async fn write(&self, key: &Key, bytes: &[u8]) -> Result<(), Error>;

    /// Deletes what is stored; nothing to delete is no error. The caller holds the
    /// lock.
    async fn delete(&self, key: &Key) -> Result<(), Error>;

    /// Moves what is stored out of the way, and says where it is now.
    async fn set_aside(&self, key: &Key) -> Result<String, Error>;

    /// Waits for the key's lock, across the processes of this host.
    async fn lock(&self, key: &Key) -> Result<Box<dyn Lock>, Error>;

    /// Every key that something is stored under, sorted.
    async fn list(&self) -> Result<Vec<Key>, Error>;

    /// Fails where `read` or `write` would, and changes nothing. Returns one line
    /// for the person where there is something to know.
    async fn probe(&self, key: &Key) -> Result<Option<String>, Error>;

    /// Where this key is or would be kept, for people.
    fn place(&self, key: &Key) -> String;
}

/// A held lock; dropping it releases it.
pub trait Lock {}

/// `what` is in the infinitive: read, list, delete.
fn cannot(what: &str, path: &str, trouble: &Trouble) -> Error {
    Error::new(
        Code::StoreUnusable,
        format!("cannot {what} {path}: {}", trouble.reason()),
        remedy(path, trouble),
    )
}

fn not_saved(path: &str, trouble: &Trouble) -> Error {
    Error::new(
        Code::NotSaved,
        format!("cannot write to {path}: {}", trouble.reason()),
        remedy(path, trouble),
    )
}

fn remedy(path: &str, trouble: &Trouble) -> String {
    match trouble {
        Trouble::NotGiven => {
            let folder = path.rsplit_once('/').map_or(".", |(folder, _)| folder);
            format!(
                "run wasmtime with --dir FOLDER::{folder}, FOLDER being one that only you can enter, or name another with --state-dir"
            )
        }
        Trouble::System(ErrorCode::Loop) | Trouble::NotRegular => {
            "links and the like are not followed; remove it and log in again".to_owned()
        }
        Trouble::System(ErrorCode::InsufficientSpace | ErrorCode::Quota) => {
            "free some space and try again".to_owned()
        }
        _ => "check the folder and who may use it, or choose another with --state-dir".to_owned(),
    }
}
