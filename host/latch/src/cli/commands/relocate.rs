//! `latch move`: move the session to another store.

use latchstring::capability::store::{Key, Store};
use latchstring::{Code, Error};
use serde_json::json;
use zeroize::Zeroizing;

use crate::cli::args::{Global, MoveArgs};
use crate::cli::config::Config;
use crate::cli::output;
use crate::cli::profile::Profile;
use crate::cli::settings::absolute;
use crate::cli::stores::{self, StoreChoice, Stores};

pub(crate) async fn run(global: &Global, args: &MoveArgs) -> Result<(), Error> {
    latchstring::check_profile(&global.profile)?;
    let to = &args.to;
    let config = Config::read(global.config_dir.as_deref())?;
    let saved = config.profile(&global.profile)?.unwrap_or_default();
    // Read with the profile's settings, write with those of the command line.
    let without_choice = Global {
        store: with_password(global, saved.store.as_ref()),
        key_file: None,
        encrypt: false,
        ..global.clone()
    };
    let before = Stores::open(&without_choice, &saved)?;
    let remembered = remembered(global, saved, to);
    stores::make_key_file(global)?;
    let target = Global { store: with_password(global, Some(to)), ..global.clone() };
    let after = Stores::open(&target, &remembered)?;
    let mut moved = Vec::new();
    for key in before.keys().await? {
        if key.profile == global.profile {
            moved.push(relocate(&before, &after, &key).await?);
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

/// Returns the store of `LATCH_STORE`, which may have a password, if it is this one.
fn with_password(global: &Global, store: Option<&StoreChoice>) -> Option<StoreChoice> {
    global.store.clone().filter(|given| store == Some(given))
}

fn remembered(global: &Global, saved: Profile, to: &StoreChoice) -> Profile {
    let asks_for_encryption = global.key_file.is_some() || global.encrypt;
    let (key_file, encrypt) = match asks_for_encryption {
        true => (global.key_file.as_deref().map(absolute), global.encrypt.then_some(true)),
        false => (saved.key_file.clone(), saved.encrypt),
    };
    Profile { store: Some(to.clone()), key_file, encrypt, ..saved }
}

/// Moves one session and returns its new place. If this fails at any point, one of the
/// stores still has the complete session.
async fn relocate(before: &Stores, after: &Stores, key: &Key) -> Result<String, Error> {
    let to = &after.choice;
    let target = after.chosen();
    // The stores over one folder share their locks, and a shared store has one more, which
    // keeps other machines from refreshing the session while it moves.
    let held = match &before.choice {
        StoreChoice::Shared(_) if before.choice != *to => before.chosen().lock(key).await?,
        _ => target.lock(key).await?,
    };
    let holding = before.holding(key).await?;
    let Some(from) = holding.iter().find(|choice| *choice != to).or(holding.first()) else {
        return Ok(target.place(key));
    };
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
