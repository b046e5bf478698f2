//! `latch profile rename` and `latch profile copy`.

use latchstring::capability::store::{Key, Store};
use latchstring::{Code, Error};
use zeroize::Zeroizing;

use super::unknown;
use crate::cli::args::Global;
use crate::cli::choices::StoreChoice;
use crate::cli::commands::relocate;
use crate::cli::config::Config;
use crate::cli::keys;
use crate::cli::output;
use crate::cli::profile::Profile;
use crate::cli::stores::Stores;

/// Copies the settings. The session stays with its profile: one refresh token for two would
/// end both.
pub(super) async fn copy(global: &Global, from: &str, to: &str) -> Result<(), Error> {
    latchstring::check_profile(to)?;
    check_without_sessions(&Stores::open(global, &Profile::default())?, to).await?;
    Config::change(global.config_dir.as_deref(), |config| {
        match config.names().iter().any(|name| name == to) {
            true => Err(taken(to)),
            false => config.copy(from, to).then_some(()).ok_or_else(|| unknown(from)),
        }
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
/// If this is interrupted at any point, every session can still be used under one of the
/// names, and the same command again completes it.
pub(super) async fn rename(global: &Global, from: &str, to: &str) -> Result<(), Error> {
    latchstring::check_profile(from)?;
    latchstring::check_profile(to)?;
    if from == to {
        return Err(taken(to));
    }
    let folder = global.config_dir.as_deref();
    // Encrypted files are moved as they are.
    let plain = Global { store: None, key_file: None, encrypt: false, ..global.clone() };
    let stores = Stores::open(&plain, &Profile::default())?;
    let sessions = sessions_of(&stores, from).await?;
    let config = Config::read(folder)?;
    let has_settings = config.profile(from)?.is_some();
    if !has_settings && sessions.is_empty() {
        return Err(unknown(from));
    }
    let is_begun = config.text_of(to) == config.text_of(from);
    if config.profile(to)?.is_some() && !is_begun {
        return Err(taken(to));
    }
    // Settings that are the same already are those of a command that was interrupted.
    match is_begun && has_settings {
        true => check_free(&stores, &sessions, to).await?,
        false => check_without_sessions(&stores, to).await?,
    }
    // First what a session needs, then the session, and last what the old name needs.
    keys::copy_own(global, from, to)?;
    if has_settings && !is_begun {
        Config::change(folder, |config| {
            config.copy(from, to);
            Ok(())
        })
        .await?;
    }
    for key in &sessions {
        for choice in stores.holding(key).await? {
            rename_session(stores.get(choice).as_ref(), key, &renamed(key, to)).await?;
        }
    }
    keys::delete_own(global, from)?;
    Config::change(folder, |config| {
        config.remove(from);
        config.rename_subject(from, to);
        Ok(())
    })
    .await?;
    output::say(&format!("The profile {from} is now {to}"));
    Ok(())
}

/// Moves one session within its store. If this fails at any point, the store has it under at
/// least one of the keys.
async fn rename_session(store: &dyn Store, from: &Key, to: &Key) -> Result<(), Error> {
    // Waits for a refresh under way; what waits for this finds no session to refresh.
    let held = store.lock(from).await?;
    let target = store.lock(to).await?;
    if let Some(bytes) = store.read(from).await?.map(Zeroizing::new) {
        match store.read(to).await?.map(Zeroizing::new) {
            Some(there) if there != bytes => return Err(taken(&to.profile)),
            Some(_) => {}
            None => {
                store.write(&target, &bytes).await?;
                relocate::check(store, to, &bytes).await?;
            }
        }
    }
    store.delete(&held).await
}

fn renamed(key: &Key, profile: &str) -> Key {
    Key { profile: profile.to_owned(), account: key.account.clone() }
}

/// Fails if one of these sessions would replace another.
async fn check_free(stores: &Stores, sessions: &[Key], to: &str) -> Result<(), Error> {
    for key in sessions {
        for choice in stores.holding(key).await? {
            let store = stores.get(choice);
            let there = store.read(&renamed(key, to)).await?.map(Zeroizing::new);
            if there.is_some() && there != store.read(key).await?.map(Zeroizing::new) {
                return Err(taken(to));
            }
        }
    }
    Ok(())
}

async fn sessions_of(stores: &Stores, profile: &str) -> Result<Vec<Key>, Error> {
    let mut keys = stores.get(StoreChoice::Auto).list().await?;
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
