//! `latch move`: move the session to another store.

use latchstring::capability::store::{Key, Store};
use latchstring::{Code, Error};
use serde_json::json;
use zeroize::Zeroizing;

use crate::cli::args::{Global, MoveArgs};
use crate::cli::choices::{MoveTarget, StoreChoice};
use crate::cli::config::Config;
use crate::cli::output;
use crate::cli::profile::Profile;
use crate::cli::settings::absolute;
use crate::cli::stores::{self, Stores};

pub(crate) async fn run(global: &Global, args: &MoveArgs) -> Result<(), Error> {
    latchstring::check_profile(&global.profile)?;
    let to = match args.to {
        MoveTarget::Keyring => StoreChoice::Keyring,
        #[cfg(target_os = "linux")]
        MoveTarget::Kernel => StoreChoice::Kernel,
        MoveTarget::File => StoreChoice::File,
    };
    let config = Config::read(global.config_dir.as_deref())?;
    let saved = config.profile(&global.profile)?.unwrap_or_default();
    // Read with the profile's settings, write with those of the command line.
    let without_choice = Global { store: None, key_file: None, encrypt: false, ..global.clone() };
    let before = Stores::open(&without_choice, &saved)?;
    let remembered = remembered(global, saved, to);
    stores::make_key_file(global)?;
    let after = Stores::open(global, &remembered)?;
    let mut moved = Vec::new();
    for key in before.get(StoreChoice::Auto).list().await? {
        if key.profile == global.profile {
            moved.push(relocate(&before, &after, to, &key).await?);
        }
    }
    Config::change(global.config_dir.as_deref(), |config| config.set(&global.profile, &remembered))
        .await?;
    if global.json {
        return output::document(&json!({ "profile": global.profile, "stores": moved }));
    }
    for place in &moved {
        output::say(&format!("The session of the profile {} is now in {place}", global.profile));
    }
    if moved.is_empty() {
        let name = &global.profile;
        output::say(&format!(
            "The profile {name} is not logged in; its next session will be stored there"
        ));
    }
    Ok(())
}

fn remembered(global: &Global, saved: Profile, to: StoreChoice) -> Profile {
    let asks_for_encryption = global.key_file.is_some() || global.encrypt;
    let (key_file, encrypt) = match asks_for_encryption {
        true => (global.key_file.as_deref().map(absolute), global.encrypt.then_some(true)),
        false => (saved.key_file.clone(), saved.encrypt),
    };
    Profile { store: Some(to), key_file, encrypt, ..saved }
}

/// Moves one session and returns its new place. If this fails at any point, one of the
/// stores still has the complete session.
async fn relocate(
    before: &Stores,
    after: &Stores,
    to: StoreChoice,
    key: &Key,
) -> Result<String, Error> {
    let target = after.get(to);
    // The stores over one folder share their locks.
    let held = target.lock(key).await?;
    let holding = before.holding(key).await?;
    let from = holding.iter().copied().find(|choice| *choice != to).unwrap_or(to);
    let source = before.get(from);
    let Some(bytes) = source.read(key).await?.map(Zeroizing::new) else {
        return Ok(target.place(key));
    };
    if let Some(notice) = target.probe(key).await? {
        output::say(&notice);
    }
    target.write(&held, &bytes).await?;
    check(target.as_ref(), key, &bytes).await?;
    if from != to {
        source.delete(&held).await?;
    }
    Ok(target.place(key))
}

/// Fails unless the store returns what was written to it.
pub(super) async fn check(store: &dyn Store, key: &Key, bytes: &[u8]) -> Result<(), Error> {
    let kept = store.read(key).await?.map(Zeroizing::new);
    if kept.is_some_and(|kept| kept.as_slice() == bytes) {
        return Ok(());
    }
    Err(Error::new(
        Code::NotSaved,
        format!("{} did not return what was written to it", store.place(key)),
        "the session is still where it was; check the store and try again",
    ))
}
