//! The preset that a profile names, and its settings.

use std::path::{Path, PathBuf};

use latchstring::contract::GrantType;
use latchstring::{Code, Error, LatchBuilder, Preset, Settings};

use super::args::Global;
use super::choices::Grant;
use super::config;
use super::dotenv::{self, Dotenv};
use super::profile::Profile;

/// Name of the preset setting that `--client-id` sets, in presets that have it.
pub(crate) const CLIENT_ID: &str = "client-id";

/// Returns the folder of the user's own presets, `NAME.toml` each.
pub(crate) fn folder(global: &Global) -> Result<PathBuf, Error> {
    folder_in(global.config_dir.as_deref())
}

/// Returns it below the given configuration folder, or the platform's.
pub(crate) fn folder_in(config_folder: Option<&Path>) -> Result<PathBuf, Error> {
    config::folder(config_folder).map(|folder| folder.join("providers"))
}

/// Returns the preset that the user names, or that `.env` names if the user names no
/// provider at all.
pub(crate) fn named(
    global: &Global,
    own: &Profile,
    found: &Profile,
    dotenv: &Dotenv,
) -> Result<Option<Preset>, Error> {
    let folder = folder(global)?;
    if let Some(name) = own.provider.as_ref().or(found.provider.as_ref()) {
        config::check_ownership(&folder.join(format!("{name}.toml")))?;
    }
    match (&own.provider, &found.provider) {
        (Some(name), _) => Preset::named(name, Some(&folder)).map(Some),
        (None, Some(name)) => Preset::named(name, Some(&folder))
            .map(Some)
            .map_err(|error| dotenv.with_line(dotenv::PROVIDER, &error)),
        (None, None) => Ok(None),
    }
}

/// Adds the preset's settings that the preset's own variables give in the
/// environment, or else in `.env`.
///
/// Other programs use these variables too (`CLIENT_ID`), so they fill gaps: what the
/// user gave or the profile keeps (`own`) stays.
pub(crate) fn fill_gaps(
    preset: &Preset,
    own: &Profile,
    given: &mut Profile,
    found: &mut Profile,
    dotenv: &Dotenv,
) -> Result<(), Error> {
    if let Some(client_id) = &given.client_id
        && own.set.as_ref().is_some_and(|set| set.contains_key(CLIENT_ID))
    {
        // `--client-id` overrides the setting in the profile.
        add(given, Settings::from([(CLIENT_ID.to_owned(), client_id.clone())]));
    }
    let is_gap = |variable: &str, nearer: &[&Profile]| {
        preset.settings().iter().all(|(name, setting)| {
            !setting.environment.iter().any(|known| known == variable)
                || nearer.iter().all(|profile| !sets(profile, name))
        })
    };
    let environment = preset.from_environment(|name| {
        is_gap(name, &[own]).then(|| std::env::var(name).ok()).flatten()
    })?;
    add(given, environment);
    let in_folder = preset.from_environment(|name| {
        is_gap(name, &[own, given]).then(|| dotenv.lenient(name)).flatten()
    });
    let in_folder = in_folder.map_err(|error| {
        let message = format!("in the file .env in this folder, {}", error.message());
        Error::new(error.code(), message, error.remedy())
    })?;
    dotenv.check()?;
    add(found, in_folder);
    Ok(())
}

/// Whether the profile sets this setting of its preset.
pub(crate) fn sets(profile: &Profile, name: &str) -> bool {
    profile.set.as_ref().is_some_and(|set| set.contains_key(name))
        || (name == CLIENT_ID && profile.client_id.is_some())
}

/// Adds `settings` to those of the profile. Settings that the profile has already win.
fn add(profile: &mut Profile, settings: Settings) {
    if settings.is_empty() {
        return;
    }
    let nearer = profile.set.take().unwrap_or_default();
    profile.set = Some(settings.into_iter().chain(nearer).collect());
}

/// Returns the settings of the preset, with `--client-id` as one of them.
pub(crate) fn settings(preset: &Preset, profile: &Profile) -> Settings {
    let mut settings = profile.set.clone().unwrap_or_default();
    if let Some(client_id) = &profile.client_id
        && preset.settings().contains_key(CLIENT_ID)
    {
        settings.entry(CLIENT_ID.to_owned()).or_insert_with(|| client_id.clone());
    }
    settings
}

/// Adds how tokens are granted without a user, if the preset says so.
pub(crate) fn complete(preset: &Preset, profile: &mut Profile) -> Result<(), Error> {
    let Some(unattended) = preset.unattended(&settings(preset, profile))? else { return Ok(()) };
    let (grant, exchange) = match unattended.grant {
        GrantType::User => return Ok(()),
        GrantType::ClientCredentials => (Grant::ClientCredentials, None),
        GrantType::JwtBearer => (Grant::JwtBearer, None),
        GrantType::TokenExchange(exchange) => (Grant::TokenExchange, Some(exchange)),
    };
    profile.grant.get_or_insert(grant);
    if let Some(exchange) = exchange {
        profile.subject_token_type.get_or_insert(exchange.subject_token_type);
        profile.requested_token_type =
            profile.requested_token_type.take().or(exchange.requested_token_type);
    }
    profile.audience = profile.audience.take().or(unattended.audience);
    let assertion_audience = profile.assertion_audience.take();
    profile.assertion_audience = assertion_audience.or(unattended.assertion_audience);
    Ok(())
}

/// Returns a builder for the preset's provider.
pub(crate) fn builder(preset: &Preset, profile: &Profile) -> Result<LatchBuilder, Error> {
    if profile.issuer.is_some() {
        return Err(Error::new(
            Code::InvalidConfiguration,
            format!("both an issuer and the provider {} are set", preset.name()),
            "remove one of them; `latch provider show NAME` lists the settings of a provider",
        ));
    }
    latchstring::Latch::of(preset, &settings(preset, profile))
}

/// Returns the error of an import without a preset, which says where sessions are.
#[cfg(not(target_os = "wasi"))]
pub(crate) fn no_preset() -> Error {
    Error::new(
        Code::InvalidConfiguration,
        "no provider is set to import a session from",
        "set one with --provider NAME; `latch provider list` lists them",
    )
}
