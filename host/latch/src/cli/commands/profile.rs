//! `latch profile`: keep settings for several providers, clients or accounts.

#[cfg(not(target_os = "wasi"))]
mod edit;
#[cfg(not(target_os = "wasi"))]
mod rename;

use latchstring::{Code, Error, api_origin, printable};
use serde_json::json;

use crate::cli::args::{Global, ProfileCommand};
use crate::cli::config::Config;
use crate::cli::keys;
use crate::cli::output;
use crate::cli::profile::{Profile, provider_in_words};
use crate::cli::settings::absolute;
use crate::cli::stores::{StoreChoice, Stores};
use crate::cli::table::Table;
use crate::cli::unattended;

pub(crate) async fn run(global: &Global, command: ProfileCommand) -> Result<(), Error> {
    let folder = global.config_dir.as_deref();
    match command {
        ProfileCommand::Add { name, settings } => {
            latchstring::check_profile(&name)?;
            let given = Profile {
                store: global.store.clone().map(StoreChoice::without_password),
                key_file: global.key_file.as_deref().map(absolute),
                encrypt: global.encrypt.then_some(true),
                ..settings.into_profile()
            };
            check(&given)?;
            let config = Config::change(folder, |config| {
                let kept = config.profile(&name)?.unwrap_or_default().fitting(&given);
                config.set(&name, &given.over_all_origins(kept))
            })
            .await?;
            output::say(&format!("Saved the profile {name} in {}", config.path().display()));
            Ok(())
        }
        ProfileCommand::List => {
            let config = Config::read(folder)?;
            if global.json {
                return output::document(&json!(config.names()));
            }
            let table = Table::for_stdout();
            if !table.has_reader() {
                return config.names().iter().try_for_each(|name| output::line(name));
            }
            let mut rows = Vec::new();
            for name in config.names() {
                let Profile { provider, issuer, resource_url, .. } =
                    config.profile(&name)?.unwrap_or_default();
                let issuer = issuer.or(resource_url);
                let provider = provider_in_words(provider.as_deref(), issuer.as_deref());
                rows.push((name, printable(&provider)));
            }
            let rows = rows.iter().map(|(name, provider)| (name.as_str(), provider.as_str()));
            output::text(&table.list(rows))
        }
        ProfileCommand::Show { name } => {
            let config = Config::read(folder)?;
            let name = name.as_ref().unwrap_or(&global.profile);
            let profile = config.profile(name)?.ok_or_else(|| unknown(name))?;
            if global.json {
                let store = profile.store.clone().map(StoreChoice::without_password);
                return output::document(&json!(Profile { store, ..profile }));
            }
            output::write(config.text_of(name).as_bytes())
        }
        #[cfg(not(target_os = "wasi"))]
        ProfileCommand::Edit => edit::edit(global).await,
        #[cfg(not(target_os = "wasi"))]
        ProfileCommand::Copy { name, new_name } => rename::copy(global, &name, &new_name).await,
        #[cfg(not(target_os = "wasi"))]
        ProfileCommand::Rename { name, new_name } => rename::rename(global, &name, &new_name).await,
        ProfileCommand::Remove { name } => {
            let saved = Config::read(folder)?.profile(&name)?.unwrap_or_default();
            if Stores::open(global, &saved)?.keys().await?.iter().any(|key| key.profile == name) {
                return Err(Error::new(
                    Code::InvalidConfiguration,
                    format!("the profile {name} is still logged in"),
                    format!("log out first with: latch logout --profile {name}"),
                ));
            }
            Config::change(
                folder,
                |config| {
                    if config.remove(&name) { Ok(()) } else { Err(unknown(&name)) }
                },
            )
            .await?;
            output::say(&format!("Removed the profile {name}"));
            Ok(())
        }
    }
}

/// Checks what no type says about settings.
fn check(settings: &Profile) -> Result<(), Error> {
    for origin in settings.api_origins.iter().flatten() {
        api_origin(origin)?;
    }
    unattended::check_places(settings)?;
    keys::check(settings)
}

fn unknown(name: &str) -> Error {
    Error::new(
        Code::InvalidConfiguration,
        format!("there is no profile {name}"),
        "list the profiles with: latch profile list",
    )
}
