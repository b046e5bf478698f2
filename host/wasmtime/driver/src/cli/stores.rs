//! Where sessions are kept: in files, whatever else was asked for.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use latchstring::capability::store::{FileStore, Key, Store};
use latchstring::{Code, Error};

use super::args::Global;
use super::choices::StoreChoice;
use super::profile::Profile;

/// Where sessions are looked for unless something else is said.
const FOLDER: &str = "/state";

/// The store over one state folder.
pub(crate) struct Stores(Arc<dyn Store>);

impl Stores {
    /// Refuses what a sandbox does not have, rather than keep a session elsewhere
    /// than was asked for.
    pub(crate) fn open(global: &Global, profile: &Profile) -> Result<Self, Error> {
        match global.store.or(profile.store) {
            Some(StoreChoice::Keyring) => return Err(no_keyring(global)),
            Some(StoreChoice::Memory) => return Err(no_memory()),
            Some(StoreChoice::Auto | StoreChoice::File) | None => {}
        }
        let is_encrypted = global.key_file.is_some()
            || global.encrypt
            || profile.key_file.is_some()
            || profile.encrypt == Some(true);
        if is_encrypted {
            return Err(Error::new(
                Code::StoreUnusable,
                format!(
                    "sessions of the profile {} are to be encrypted, which this host cannot",
                    global.profile
                ),
                "use the native latch for it, or another profile",
            ));
        }
        let folder = global.state_dir.as_deref().map_or(FOLDER.into(), Path::to_string_lossy);
        let folder = folder.trim_end_matches('/').to_owned();
        Ok(Self(Arc::new(FileStore::new(folder, Duration::from_secs(global.lock_timeout)))))
    }

    /// The store.
    pub(crate) fn chosen(&self) -> Arc<dyn Store> {
        Arc::clone(&self.0)
    }

    pub(crate) fn get(&self, _: StoreChoice) -> Arc<dyn Store> {
        self.chosen()
    }

    /// Which stores hold something under `key`.
    pub(crate) async fn holding(&self, key: &Key) -> Result<Vec<StoreChoice>, Error> {
        let is_there = self.0.list().await?.contains(key);
        Ok(is_there.then_some(StoreChoice::File).into_iter().collect())
    }
}

/// A store as the command line spells it.
pub(crate) fn name(_: StoreChoice) -> &'static str {
    "file"
}

fn no_keyring(global: &Global) -> Error {
    let profile = &global.profile;
    Error::new(
        Code::StoreUnusable,
        format!(
            "sessions of the profile {profile} are kept in the keyring, which no sandbox reaches"
        ),
        format!(
            "move it with the native program (latch move file --profile {profile}), or give --store file to log in anew"
        ),
    )
}

fn no_memory() -> Error {
    Error::new(
        Code::StoreUnusable,
        "a session kept in memory would be gone with this program",
        "give --store file",
    )
}
