//! The one store of a sandbox: files that are not encrypted.

use std::sync::Arc;
use std::time::Duration;

use latchstring::capability::store::{FileStore, Key, Store};
use latchstring::{Code, Error, default_state_folder};

use crate::cli::args::Global;
use crate::cli::profile::Profile;
use crate::cli::stores::StoreChoice;

/// The store over one state folder.
pub(crate) struct Stores {
    pub(crate) choice: StoreChoice,
    file: Arc<dyn Store>,
}

impl Stores {
    /// Opens the store. Refuses what a sandbox does not have, instead of storing a session
    /// elsewhere than the user asked.
    pub(crate) fn open(global: &Global, profile: &Profile) -> Result<Self, Error> {
        match super::chosen(global, profile) {
            Some(StoreChoice::Keyring) => return Err(no_keyring(global)),
            Some(StoreChoice::Memory) => return Err(no_memory()),
            Some(StoreChoice::Auto | StoreChoice::File) | None => {}
        }
        if is_encrypted(global, profile) {
            return Err(not_encrypted(global));
        }
        let folder = match &global.state_dir {
            Some(folder) => folder.clone(),
            None => default_state_folder()?,
        };
        let patience = Duration::from_secs(global.lock_timeout);
        let file = Arc::new(FileStore::new(folder).lock_patience(patience));
        Ok(Self { choice: StoreChoice::File, file })
    }

    /// Returns the store.
    pub(crate) fn chosen(&self) -> Arc<dyn Store> {
        Arc::clone(&self.file)
    }

    pub(crate) fn get(&self, _: &StoreChoice) -> Arc<dyn Store> {
        self.chosen()
    }

    /// Returns every key with something stored.
    pub(crate) async fn keys(&self) -> Result<Vec<Key>, Error> {
        self.file.list().await
    }

    /// Does nothing: a file is never forgotten.
    pub(crate) async fn tidy(&self, _: &Key) -> Result<(), Error> {
        Ok(())
    }

    /// Returns the stores that hold something under `key`.
    pub(crate) async fn holding(&self, key: &Key) -> Result<Vec<StoreChoice>, Error> {
        let is_there = self.file.list().await?.contains(key);
        Ok(is_there.then_some(StoreChoice::File).into_iter().collect())
    }
}

/// Whether session files are to be encrypted.
pub(crate) fn is_encrypted(global: &Global, profile: &Profile) -> bool {
    global.key_file.is_some()
        || global.encrypt
        || profile.key_file.is_some()
        || profile.encrypt == Some(true)
}

/// Does nothing: [`Stores::open`] refuses a key file.
pub(crate) fn make_key_file(_: &Global) -> Result<(), Error> {
    Ok(())
}

fn no_keyring(global: &Global) -> Error {
    let profile = &global.profile;
    Error::new(
        Code::StoreUnusable,
        format!(
            "the session of the profile {profile} is in the keyring, which a sandbox cannot reach"
        ),
        format!(
            "move the session with the native program (latch move file --profile {profile}), or \
             log in again with --store file"
        ),
    )
}

fn no_memory() -> Error {
    Error::new(
        Code::StoreUnusable,
        "a session in memory would be gone when this program ends",
        "use --store file",
    )
}

fn not_encrypted(global: &Global) -> Error {
    Error::new(
        Code::StoreUnusable,
        format!(
            "the sessions of the profile {} are to be encrypted, which a sandbox cannot do",
            global.profile
        ),
        "use the native latch for it, or another profile",
    )
}
