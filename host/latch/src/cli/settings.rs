//! The effective settings: the command line and the `LATCH_` variables override the
//! profile, which overrides a preset's own variables, then `.env`, then defaults.

mod advice;
mod folder;
mod given;
mod remembered;
mod secret;

use std::sync::Arc;
use std::time::Duration;

use latchstring::capability::store::{Key, Store};
use latchstring::capability::terminal::StderrTerminal;
use latchstring::pages::{self, Pages};
use latchstring::{Audience, Code, Description, Error, Latch, LatchBuilder, Preset, check_profile};

use super::args::Global;
use super::choices::Grant;
use super::config::Config;
use super::dotenv::Dotenv;
use super::equipment::equip;
use super::language;
use super::output::say;
use super::presets;
use super::profile::Profile;
#[cfg(not(target_os = "wasi"))]
use super::renewal;
use super::security;
use super::stores::Stores;
use super::unattended;
pub(crate) use advice::LOG_IN_ANYWHERE;
pub(crate) use given::{absolute, words};

/// The settings of one command, with the layers that they come from.
pub(crate) struct Settings {
    /// The profile in the configuration file.
    pub(crate) saved: Profile,
    /// The command line and the environment.
    pub(crate) given: Profile,
    /// What the `.env` of the current folder adds.
    found: Profile,
    /// Why the `.env` of the current folder was not read, if it exists and was not.
    unread_dotenv: Option<String>,
    /// All layers combined.
    pub(crate) effective: Profile,
    /// Resource that tokens are for, if not those of the login.
    resource: Option<String>,
    preset: Option<Preset>,
}

impl Settings {
    /// Reads every layer for a command that may change the configuration file. A mistake
    /// anywhere in the file ends such a command at once, not when its work is done.
    pub(crate) fn read_to_change(global: &Global, given: Profile) -> Result<Self, Error> {
        let saved = Config::read(global.config_dir.as_deref())?.profile(&global.profile)?;
        Self::layered(global, saved, given, &Dotenv::read())
    }

    /// Returns these settings for tokens that are bound to a key.
    pub(crate) fn bound(mut self) -> Self {
        (self.given.dpop, self.effective.dpop) = (Some(true), Some(true));
        self
    }

    /// Reads every layer.
    pub(crate) fn read(global: &Global, given: Profile) -> Result<Self, Error> {
        Self::layered(global, saved(global)?, given, &Dotenv::read())
    }

    /// Reads every layer for a command that asks for a token. A resource that the profile's
    /// login was not for does not mean another session, but a token for that resource.
    pub(crate) fn read_for_token(global: &Global, given: Profile) -> Result<Self, Error> {
        Self::read_for_token_in(global, given, &Dotenv::read())
    }

    /// Does the same without the current folder's `.env`.
    pub(crate) fn read_without_folder(global: &Global, given: Profile) -> Result<Self, Error> {
        Self::read_for_token_in(global, given, &Dotenv::default())
    }

    fn read_for_token_in(
        global: &Global,
        mut given: Profile,
        dotenv: &Dotenv,
    ) -> Result<Self, Error> {
        let saved = saved(global)?;
        let resource = saved.as_ref().and_then(|saved| saved.take_other_resource(&mut given));
        if resource.is_some() && given.audience.is_some() {
            return Err(Error::new(
                Code::InvalidConfiguration,
                "a token is for a resource or for an audience, not for both",
                "leave out --resource or --audience",
            ));
        }
        Ok(Self { resource, ..Self::layered(global, saved, given, dotenv)? })
    }

    /// Leaves out the audience, for what an ID token answers: it has an audience of its own.
    pub(crate) fn for_id_token(mut self) -> Self {
        self.resource = None;
        self.effective.audience = None;
        self
    }

    /// Whether tokens are granted without a user.
    fn is_unattended(&self) -> bool {
        self.effective.grant.is_some_and(|grant| grant != Grant::User)
    }

    fn audience(&self) -> Option<Audience> {
        let name = || self.effective.audience.clone().map(Audience::Name);
        self.resource.clone().map(Audience::Resource).or_else(name)
    }

    fn layered(
        global: &Global,
        saved: Option<Profile>,
        mut given: Profile,
        dotenv: &Dotenv,
    ) -> Result<Self, Error> {
        check_profile(&global.profile)?;
        let saved = saved.unwrap_or_default();
        // What the user set, now or at an earlier login.
        let own = given.clone().over(saved.clone().fitting(&given));
        let none = Dotenv::default();
        let fits = !folder::is_for_another_provider(dotenv, &own);
        let fitting = if fits { dotenv } else { &none };
        let mut found = folder::gaps(fitting, &own)?;
        let preset = presets::named(global, &own, &found, fitting)?;
        if let Some(preset) = &preset {
            presets::fill_gaps(preset, &own, &mut given, &mut found, fitting)?;
        }
        let mut effective = given.clone().over(saved.clone().fitting(&given)).over(found.clone());
        if let Some(preset) = &preset {
            presets::complete(preset, &mut effective)?;
        }
        let unread_dotenv = dotenv.unread.clone();
        Ok(Self { saved, given, found, unread_dotenv, effective, resource: None, preset })
    }

    /// Settings that come from no profile and no folder.
    pub(crate) fn described(profile: Profile) -> Self {
        Self {
            saved: Profile::default(),
            given: profile.clone(),
            found: Profile::default(),
            unread_dotenv: None,
            effective: profile,
            resource: None,
            preset: None,
        }
    }

    /// Builds the client that these settings describe, for commands that show no page.
    pub(crate) fn latch(&self, global: &Global, open_browser: bool) -> Result<Latch, Error> {
        self.builder(global, open_browser)?.build()
    }

    /// Finds the session that the program of the preset's provider keeps.
    #[cfg(not(target_os = "wasi"))]
    pub(crate) async fn find_session(
        &self,
        file: Option<&std::path::Path>,
    ) -> Result<latchstring::Found, Error> {
        let preset = self.preset.as_ref().ok_or_else(presets::no_preset)?;
        preset.find_session(&presets::settings(preset, &self.effective), file).await
    }

    /// Returns the pages that the browser is shown: the user's own, or those in the user's
    /// language.
    pub(crate) fn pages(&self) -> Result<Pages, Error> {
        match &self.effective.pages {
            Some(file) => pages::read(file),
            None => Ok(Pages::for_languages(language::preferred())),
        }
    }

    /// Returns a builder of the client that these settings describe, without its pages.
    pub(crate) fn builder(
        &self,
        global: &Global,
        open_browser: bool,
    ) -> Result<LatchBuilder, Error> {
        let profile = &self.effective;
        let mut builder = equip(self.of_provider(global)?, global, profile)?
            .profile(&global.profile)
            .resources(profile.resources.clone().unwrap_or_default())
            .endpoints(profile.endpoints())
            .terminal(StderrTerminal::new(global.verbose).plain(global.plain))
            .open_browser(open_browser)
            .draw_qr(profile.no_qr != Some(true));
        self.check_identity()?;
        let grant = unattended::grant(profile)?;
        // Only a refresh token can be lost with this process.
        #[cfg(not(target_os = "wasi"))]
        if matches!(grant, latchstring::contract::GrantType::User) {
            builder = builder.renew_in(renewal::place(global, profile));
        }
        unattended::check_commands(&self.given)?;
        builder = security::demand(builder.grant(grant), profile)?;
        builder = global.recording.attach(builder);
        if let Some(scopes) = &profile.scopes {
            builder = builder.scopes(scopes.clone());
        }
        if let Some(audience) = self.audience() {
            builder = builder.audience(audience);
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
            builder = browser(builder, command)?;
        }
        // In addition to those of a preset.
        for origin in profile.api_origins.iter().flatten() {
            builder = builder.api_origin(origin);
        }
        for (name, value) in profile.parameters.iter().flatten() {
            builder = builder.parameter(name, value);
        }
        Ok(builder)
    }

    /// Returns a builder for the provider, which a preset or the user describes.
    fn of_provider(&self, global: &Global) -> Result<LatchBuilder, Error> {
        let profile = &self.effective;
        if let Some(preset) = &self.preset {
            return presets::builder(preset, profile);
        }
        if let Some(url) = &profile.resource_url {
            let mut builder = Latch::for_resource(url);
            if let Some(issuer) = &profile.issuer {
                builder = builder.issuer(issuer);
            }
            if let Some(client_id) = &profile.client_id {
                builder = builder.client_id(client_id);
            }
            if let Some(url) = &profile.client_metadata_url {
                builder = builder.client_metadata_url(url);
            }
            return Ok(builder);
        }
        let client_id = profile.client_id.clone();
        let client_id = client_id.or_else(|| unattended::is_anonymous(profile).then(String::new));
        match (profile.issuer.clone(), client_id) {
            (Some(issuer), Some(client_id)) => Ok(Latch::builder(issuer, client_id)),
            (None, Some(client_id)) if profile.token_endpoint.is_some() => {
                Ok(Latch::builder_without_issuer(client_id))
            }
            _ => {
                if let Some(reason) = &self.unread_dotenv {
                    say(&format!("The file .env in this folder was not read: {reason}"));
                }
                Err(self.unknown(global))
            }
        }
    }

    /// Builds a client that can end the session under `key`, which began with other
    /// settings than these.
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
        equip(global.recording.attach(builder), global, &self.effective)?
            .profile(&key.profile)
            .account(&key.account)
            .terminal(StderrTerminal::new(global.verbose).plain(global.plain))
            .build()
    }

    /// Returns the store that sessions are kept in.
    pub(crate) fn store(&self, global: &Global) -> Result<Arc<dyn Store>, Error> {
        self.stores(global).map(|stores| stores.chosen())
    }

    pub(crate) fn stores(&self, global: &Global) -> Result<Stores, Error> {
        Stores::open(global, &self.effective)
    }
}

/// Sets the command that starts the browser.
#[cfg(not(target_os = "wasi"))]
fn browser(builder: LatchBuilder, command: &str) -> Result<LatchBuilder, Error> {
    use latchstring::capability::browser::CommandBrowser;

    Ok(builder.browser(CommandBrowser::new(command)?))
}

/// Nothing in a sandbox starts a browser, so says that the command is not used.
#[cfg(target_os = "wasi")]
fn browser(builder: LatchBuilder, command: &str) -> Result<LatchBuilder, Error> {
    say(&format!(
        "--browser {} is not used: a sandbox cannot start a browser",
        latchstring::printable(command)
    ));
    Ok(builder)
}

/// Returns the settings of this command's profile in the configuration file, or `None` if
/// there is no such profile.
fn saved(global: &Global) -> Result<Option<Profile>, Error> {
    Config::profile_in(global.config_dir.as_deref(), &global.profile)
}
