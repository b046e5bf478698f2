//! The stores for sessions, as the user chose them.

mod choice;
#[cfg(target_os = "wasi")]
mod sandboxed;
#[cfg(not(target_os = "wasi"))]
mod system;

#[cfg(target_os = "wasi")]
pub(crate) use sandboxed::*;
#[cfg(not(target_os = "wasi"))]
pub(crate) use system::*;

pub(crate) use choice::{StoreChoice, StoreParser};

use latchstring::Error;
use latchstring::capability::store::Key;

use super::args::Global;
use super::config::Config;
use super::profile::Profile;

/// Returns the store that the command line chooses, or else the profile.
pub(crate) fn chosen<'a>(global: &'a Global, profile: &'a Profile) -> Option<&'a StoreChoice> {
    global.store.as_ref().or(profile.store.as_ref())
}

/// The sessions of a user.
pub(crate) struct Everywhere {
    /// Their keys, sorted.
    pub(crate) sessions: Vec<Key>,
    /// Profiles whose shared store could not be read, and why.
    pub(crate) unreadable: Vec<(String, Error)>,
}

/// Returns every session on this machine and in the shared stores that profiles name.
pub(crate) async fn everywhere(global: &Global, config: &Config) -> Result<Everywhere, Error> {
    let here = Global { store: None, ..global.clone() };
    let mut sessions = Stores::open(&here, &Profile::default())?.keys().await?;
    let mut unreadable = Vec::new();
    for name in config.names() {
        let profile = config.profile(&name)?.unwrap_or_default();
        if !chosen(global, &profile).is_some_and(StoreChoice::is_shared) {
            continue;
        }
        let shared = match Stores::open(global, &profile) {
            Ok(stores) => stores.chosen().list().await,
            Err(error) => Err(error),
        };
        match shared {
            Ok(keys) => sessions.extend(keys.into_iter().filter(|key| key.profile == name)),
            Err(error) => unreadable.push((name, error)),
        }
    }
    sessions.retain(Key::is_session);
    sessions.sort();
    sessions.dedup();
    Ok(Everywhere { sessions, unreadable })
}

/// Returns where a session is, in a few words. `place` is where it is exactly.
pub(crate) fn in_short<'a>(choice: &StoreChoice, place: &'a str) -> &'a str {
    match choice {
        StoreChoice::Keyring => "the keyring",
        #[cfg(target_os = "linux")]
        StoreChoice::Kernel => "the memory of the kernel",
        StoreChoice::File => "a private file",
        StoreChoice::Memory => "the memory of this process, which ends now",
        StoreChoice::Auto => place,
        #[cfg(not(target_os = "wasi"))]
        StoreChoice::Shared(_) => place,
    }
}
