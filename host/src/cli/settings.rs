//! The settings in force: the command line and the environment, over `.env`,
//! over the profile, over defaults.

mod advice;
mod given;
mod remembered;
mod secret;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use latchstring::capability::browser::CommandBrowser;
use latchstring::capability::store::{Key, Store};
use latchstring::capability::terminal::StderrTerminal;
use latchstring::pages::Pages;
use latchstring::{
    Description, Error, Found as FoundSession, Latch, LatchBuilder, Preset, check_profile,
    printable,
};

use super::args::Global;
use super::config::Config;
use super::dotenv::{self, Found};
use super::output::say;
use super::presets;
use super::profile::Profile;
use super::stores::Stores;
pub(crate) use given::{absolute, words};

/// What one command runs with.
pub(crate) struct Settings {
    pub(crate) config: Config,
    /// As kept in the configuration file.
    pub(crate) saved: Profile,
    /// As given on the command line and in the environment.
    pub(crate) given: Profile,
    /// As found in the `.env` of this folder.
    found: Profile,
    /// What holds in the end.
    pub(crate) effective: Profile,
    preset: Option<Preset>,
}

impl Settings {
    /// Reads every layer.
    pub(crate) fn read(global: &Global, given: Profile) -> Result<Self, Error> {
        let found = dotenv::read()?;
        Self::layered(global, given, found)
    }

    /// The same where a folder's `.env` has no say.
    pub(crate) fn read_without_folder(global: &Global, given: Profile) -> Result<Self, Error> {
        Self::layered(global, given, Found::default())
    }

    fn layered(global: &Global, mut given: Profile, mut found: Found) -> Result<Self, Error> {
        check_profile(&global.profile)?;
        let config = Config::read(global.config_dir.as_deref())?;
        let saved = config.profile(&global.profile)?.unwrap_or_default();
        // What a folder says of another provider than the person named is not for this one.
        if given.names_provider() && found.profile.is_left_by(&given) {
            found.profile = Profile::default();
        }
        let preset = presets::named(global, &given, &found.profile, &saved)?;
        if let Some(preset) = &preset {
            presets::complete(preset, &mut given, &mut found)?;
        }
        let found = found.profile;
        let asked = given.clone().over(found.clone());
        let effective = asked.clone().over(saved.clone().fitting(&asked));
        Ok(Self { config, saved, given, found, effective, preset })
    }

    /// The client that these settings describe, for commands that show no page.
    pub(crate) fn latch(&self, global: &Global, open_browser: bool) -> Result<Latch, Error> {
        self.builder(global, open_browser)?.build()
    }

    /// What the program of the preset's provider keeps of a session.
    pub(crate) async fn find_session(&self, file: Option<&Path>) -> Result<FoundSession, Error> {
        let preset = self.preset.as_ref().ok_or_else(presets::no_preset)?;
        preset.find_session(&presets::settings(preset, &self.effective), file).await
    }

    /// What a browser is shown.
    pub(crate) fn pages(&self) -> Result<Pages, Error> {
        self.effective.pages.as_ref().map_or_else(|| Ok(Pages::default()), Pages::read)
    }

    /// The client that these settings describe, but for its pages.
    pub(crate) fn builder(
        &self,
        global: &Global,
        open_browser: bool,
    ) -> Result<LatchBuilder, Error> {
        let profile = &self.effective;
        let mut builder = self
            .of_provider(global)?
            .profile(&global.profile)
            .resources(profile.resources.clone().unwrap_or_default())
            .api_origins(profile.api_origins.clone().unwrap_or_default())
            .endpoints(profile.endpoints())
            .shared_store(self.store(global)?)
            .terminal(StderrTerminal::new(global.verbose).plain(global.plain))
            .open_browser(open_browser)
            .draw_qr(profile.no_qr != Some(true));
        if let Some(recorder) = &global.recording.recorder {
            builder = builder.record(recorder.clone());
        }
        if let Some(scopes) = &profile.scopes {
            builder = builder.scopes(scopes.clone());
        }
        if let Some(host) = profile.redirect_host {
            builder = builder.redirect_host(host.into());
        }
        if let Some(ports) = &profile.ports {
            builder = builder.redirect_ports(ports.clone());
        }
        if let Some(path) = &profile.redirect_path {
            builder = builder.redirect_path(path);
        }
        if let Some(flow) = profile.flow.and_then(Into::into) {
            builder = builder.flow(flow);
        }
        if let Some(pkce) = profile.pkce {
            builder = builder.pkce(pkce.into());
        }
        if profile.discovery == Some(false) {
            builder = builder.discover(false);
        }
        if let Some(method) = profile.client_auth {
            builder = builder.client_authentication(method.into());
        }
        if let Some(secret) = self.client_secret()? {
            builder = builder.client_secret(secret.as_str());
        }
        if let Some(seconds) = profile.timeout {
            builder = builder.patience(Duration::from_secs(seconds));
        }
        if let Some(command) = &profile.browser {
            builder = builder.browser(CommandBrowser::new(command)?);
        }
        for (name, value) in profile.parameters.iter().flatten() {
            builder = builder.parameter(name, value);
        }
        Ok(builder)
    }

    /// A client of the provider, which is one of those known ahead of time or
    /// described by hand.
    fn of_provider(&self, global: &Global) -> Result<LatchBuilder, Error> {
        let profile = &self.effective;
        if let Some(preset) = &self.preset {
            return presets::builder(preset, profile);
        }
        match (profile.issuer.clone(), profile.client_id.clone()) {
            (Some(issuer), Some(client_id)) => Ok(Latch::builder(issuer, client_id)),
            (None, Some(client_id)) if profile.token_endpoint.is_some() => {
                Ok(Latch::builder_without_issuer(client_id))
            }
            _ => Err(self.unknown(global)),
        }
    }

    /// A client for the session under `key`, which other settings than these
    /// began: enough to end it.
    pub(crate) fn latch_of(
        &self,
        global: &Global,
        description: &Description,
        key: &Key,
    ) -> Result<Latch, Error> {
        let client_id = description.client_id.clone();
        let builder = match description.issuer.clone() {
            Some(issuer) => Latch::builder(issuer, client_id),
            None => Latch::builder_without_issuer(client_id),
        };
        let builder = match &global.recording.recorder {
            Some(recorder) => builder.record(recorder.clone()),
            None => builder,
        };
        builder
            .profile(&key.profile)
            .account(&key.account)
            .shared_store(self.store(global)?)
            .terminal(StderrTerminal::new(global.verbose).plain(global.plain))
            .build()
    }

    /// Where sessions are kept.
    pub(crate) fn store(&self, global: &Global) -> Result<Arc<dyn Store>, Error> {
        self.stores(global).map(|stores| stores.chosen())
    }

    pub(crate) fn stores(&self, global: &Global) -> Result<Stores, Error> {
        Stores::open(global, &self.effective)
    }

    /// Tells where a login's provider or client came from, where that is not plain.
    pub(crate) fn tell_origin(&self) {
        let effective = &self.effective;
        let diverts = |found: &Option<String>, given: &Option<String>, saved: &Option<String>| {
            found.is_some() && given.is_none() && found != saved
        };
        if diverts(&self.found.issuer, &self.given.issuer, &self.saved.issuer)
            && let Some(issuer) = &effective.issuer
        {
            say(&format!("The file .env in this folder names the provider {}", printable(issuer)));
        }
        if diverts(&self.found.client_id, &self.given.client_id, &self.saved.client_id)
            && let Some(client_id) = &effective.client_id
        {
            say(&format!("The file .env in this folder names the client {}", printable(client_id)));
        }
        if diverts(&self.found.provider, &self.given.provider, &self.saved.provider)
            && let Some(provider) = &effective.provider
        {
            say(&format!(
                "The file .env in this folder names the provider {}",
                printable(provider)
            ));
        }
        for (name, value) in self.found.set.iter().flatten() {
            let set_by = |profile: &Profile| profile.set.as_ref()?.get(name).cloned();
            if diverts(&Some(value.clone()), &set_by(&self.given), &set_by(&self.saved)) {
                say(&format!("The file .env in this folder sets {name} to {}", printable(value)));
            }
        }
    }
}
