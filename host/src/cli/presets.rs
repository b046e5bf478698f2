//! The preset that a profile names, and what is set of it.

use std::path::PathBuf;

use latchstring::{Code, Error, LatchBuilder, Preset, Settings};

use super::args::Global;
use super::config;
use super::dotenv::Found;
use super::profile::Profile;

/// Where presets of the person's own lie: `providers/NAME.toml`.
pub(crate) fn folder(global: &Global) -> Result<PathBuf, Error> {
    config::folder(global.config_dir.as_deref()).map(|folder| folder.join("providers"))
}

/// The preset that one of these layers names, the nearest first.
pub(crate) fn named(
    global: &Global,
    given: &Profile,
    found: &Profile,
    saved: &Profile,
) -> Result<Option<Preset>, Error> {
    let elsewhere = |profile: &Profile| profile.provider.is_none() && profile.names_provider();
    let name = match [given, found, saved].into_iter().find(|layer| layer.names_provider()) {
        Some(layer) if !elsewhere(layer) => layer.provider.as_deref(),
        _ => None,
    };
    let Some(name) = name else { return Ok(None) };
    Preset::named(name, Some(&folder(global)?)).map(Some)
}

/// Adds what the environment and the folder's `.env` set of it.
pub(crate) fn complete(
    preset: &Preset,
    given: &mut Profile,
    found: &mut Found,
) -> Result<(), Error> {
    let environment = preset.from_environment(|name| std::env::var(name).ok())?;
    add(given, environment);
    let variables = std::mem::take(&mut found.variables);
    add(&mut found.profile, preset.from_environment(|name| variables.get(name).cloned())?);
    Ok(())
}

/// What is set already is nearer.
fn add(profile: &mut Profile, settings: Settings) {
    if settings.is_empty() {
        return;
    }
    let nearer = profile.set.take().unwrap_or_default();
    profile.set = Some(settings.into_iter().chain(nearer).collect());
}

/// The preset's settings: a client id given by hand is one of them.
pub(crate) fn settings(preset: &Preset, profile: &Profile) -> Settings {
    let mut settings = profile.set.clone().unwrap_or_default();
    if let Some(client_id) = &profile.client_id
        && preset.settings().contains_key("client-id")
    {
        settings.entry("client-id".to_owned()).or_insert_with(|| client_id.clone());
    }
    settings
}

/// A client of the preset's provider.
pub(crate) fn builder(preset: &Preset, profile: &Profile) -> Result<LatchBuilder, Error> {
    if profile.issuer.is_some() {
        return Err(Error::new(
            Code::InvalidConfiguration,
            format!("both an issuer and the provider {} are named", preset.name()),
            "leave out one of them; `latch provider show` tells what can be set",
        ));
    }
    latchstring::Latch::of(preset, &settings(preset, profile))
}

/// Only the provider's own program tells where sessions are.
pub(crate) fn no_preset() -> Error {
    Error::new(
        Code::InvalidConfiguration,
        "no provider is named whose program keeps sessions",
        "name it with --provider NAME; `latch provider list` shows them",
    )
}
