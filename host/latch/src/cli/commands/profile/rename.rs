//! `latch profile rename` and `latch profile copy`.

use std::io::Write as _;
use std::path::PathBuf;

use latchstring::capability::store::{Key, Store};
use latchstring::{Code, Error, files};
use zeroize::Zeroizing;

use super::unknown;
use crate::cli::args::Global;
use crate::cli::commands::relocate;
use crate::cli::config::Config;
use crate::cli::keys;
use crate::cli::output;
use crate::cli::profile::Profile;
use crate::cli::stores::{StoreChoice, Stores};

/// Copies the settings. The session stays with its profile: one refresh token for two would
/// end both.
pub(super) async fn copy(global: &Global, from: &str, to: &str) -> Result<(), Error> {
    latchstring::check_profile(to)?;
    check_without_sessions(&Stores::open(global, &Profile::default())?, to).await?;
    Config::change(global.config_dir.as_deref(), |config| match config.has(to) {
        true => Err(taken(to)),
        false => config.copy(from, to).then_some(()).ok_or_else(|| unknown(from)),
    })
    .await?;
    output::say(&format!(
        "Copied the settings of {from} to the profile {to}, which is not logged in"
    ));
    Ok(())
}

/// Gives a profile another name: its settings, its sessions and the keys that they are bound
/// to.
///
/// The settings go first: from then on, nothing refreshes a session under the old name. If
/// this is interrupted, the same command again completes it: a note in the state folder says
/// that the profile `to` is the same one.
pub(super) async fn rename(global: &Global, from: &str, to: &str) -> Result<(), Error> {
    latchstring::check_profile(from)?;
    latchstring::check_profile(to)?;
    if from == to {
        return Err(taken(to));
    }
    check_not_shared(global, from)?;
    // Encrypted files are moved as they are.
    let plain = Global { store: None, key_file: None, encrypt: false, ..global.clone() };
    let stores = Stores::open(&plain, &Profile::default())?;
    let note = Note::of(&stores, from);
    let is_begun = note.names(to);
    if !is_begun {
        check_known(global, &stores, from).await?;
        check_without_sessions(&stores, to).await?;
    }
    // Before the settings, because a command would make a new key.
    let copied = keys::copy_own(global, from, to)?;
    Config::change(global.config_dir.as_deref(), |config| {
        if config.has(to) && !is_begun {
            return Err(taken(to));
        }
        note.write(to)?;
        if !config.has(to) {
            config.copy(from, to);
            config.remove(from);
        }
        config.rename_subject(from, to);
        Ok(())
    })
    .await?;
    for key in sessions_of(&stores, from).await? {
        for choice in stores.holding(&key).await? {
            rename_session(stores.get(&choice).as_ref(), &key, to).await?;
        }
    }
    copied.iter().try_for_each(|file| keys::delete(file))?;
    note.delete();
    output::say(&format!("The profile {from} is now {to}"));
    Ok(())
}

/// Moves one session within its store. If this fails at any point, the store has it under at
/// least one of the names, and the one under the new name is the one to use.
async fn rename_session(store: &dyn Store, key: &Key, to: &str) -> Result<(), Error> {
    let renamed = Key { profile: to.to_owned(), account: key.account.clone() };
    // Waits for a refresh under way. In the order of the names, so that two of these commands
    // never wait for each other.
    let (held, target) = match key.profile.as_str() < to {
        true => (store.lock(key).await?, store.lock(&renamed).await?),
        false => {
            let target = store.lock(&renamed).await?;
            (store.lock(key).await?, target)
        }
    };
    if let Some(bytes) = store.read(key).await?.map(Zeroizing::new)
        && store.read(&renamed).await?.is_none()
    {
        store.write(&target, &bytes).await?;
        relocate::check(store, &renamed, &bytes).await?;
    }
    store.delete(&held).await
}

/// Says that a profile is being renamed, until that is done.
struct Note(PathBuf);

impl Note {
    fn of(stores: &Stores, from: &str) -> Self {
        Self(stores.folder.join(format!("{from}.renamed")))
    }

    fn names(&self, to: &str) -> bool {
        std::fs::read_to_string(&self.0).is_ok_and(|named| named == to)
    }

    fn write(&self, to: &str) -> Result<(), Error> {
        let folder = self.0.parent().unwrap_or(&self.0);
        let written = files::create_folders(folder)
            .and_then(|()| files::replace(&self.0, |file| file.write_all(to.as_bytes())));
        written.map_err(|error| {
            Error::new(
                Code::NotSaved,
                format!("{} cannot be written: {error}", self.0.display()),
                "check disk space and permissions; nothing was renamed",
            )
        })
    }

    fn delete(&self) {
        // If it stays, it says what is true.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Fails if other machines may find the session by the profile's name.
fn check_not_shared(global: &Global, name: &str) -> Result<(), Error> {
    let profile = Config::read(global.config_dir.as_deref())?.profile(name)?.unwrap_or_default();
    if !profile.store.as_ref().is_some_and(StoreChoice::is_shared) {
        return Ok(());
    }
    Err(Error::new(
        Code::InvalidConfiguration,
        format!("other machines find the session of the profile {name} by this name"),
        "move the session first: latch move file",
    ))
}

async fn check_known(global: &Global, stores: &Stores, name: &str) -> Result<(), Error> {
    let config = Config::read(global.config_dir.as_deref())?;
    let is_known = config.has(name) || !sessions_of(stores, name).await?.is_empty();
    is_known.then_some(()).ok_or_else(|| unknown(name))
}

async fn sessions_of(stores: &Stores, profile: &str) -> Result<Vec<Key>, Error> {
    let mut keys = stores.keys().await?;
    keys.retain(|key| key.profile == profile);
    Ok(keys)
}

async fn check_without_sessions(stores: &Stores, profile: &str) -> Result<(), Error> {
    match sessions_of(stores, profile).await?.is_empty() {
        true => Ok(()),
        false => Err(taken(profile)),
    }
}

fn taken(name: &str) -> Error {
    Error::new(
        Code::InvalidConfiguration,
        format!("there is a profile {name} already"),
        format!(
            "choose another name, or log out and remove it: latch logout --profile {name}, latch profile remove {name}"
        ),
    )
}
