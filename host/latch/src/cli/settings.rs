//! The settings in force: the command line and the `LATCH_` variables, over the
//! profile, over a preset's own variables, over `.env`, over defaults.

mod advice;
mod folder;
mod given;
mod remembered;
mod secret;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use latchstring::capability::browser::CommandBrowser;
use latchstring::capability::http::SystemHttp;
use latchstring::capability::store::{Key, Store};
use latchstring::capability::terminal::StderrTerminal;
use latchstring::pages::{self, Pages};
use latchstring::{
    Code, Description, Error, Found as FoundSession, Latch, LatchBuilder, Preset, check_profile,
};

use super::args::Global;
use super::config::Config;
use super::dotenv::Dotenv;
use super::output::say;
use super::presets;
use super::profile::Profile;
use super::renewal;
use super::stores::Stores;
pub(crate) use given::{absolute, words};

/// What one command runs with.
pub(crate) struct Settings {
    pub(crate) config: Config,
    /// As kept in the configuration file.
    pub(crate) saved: Profile,
    /// As given on the command line and in the environment.
    pub(crate) given: Profile,
    /// Gaps that the `.env` of this folder fills.
    found: Profile,
    /// Why the `.env` of this folder was not read, if it is there.
    unread_dotenv: Option<String>,
    /// What holds in the end.
    pub(crate) effective: Profile,
    preset: Option<Preset>,
}

impl Settings {
    /// Reads every layer.
    pub(crate) fn read(global: &Global, given: Profile) -> Result<Self, Error> {
        Self::layered(global, given, &Dotenv::read())
    }

    /// The same where a folder's `.env` has no say.
    pub(crate) fn read_without_folder(global: &Global, given: Profile) -> Result<Self, Error> {
        Self::layered(global, given, &Dotenv::default())
    }

    fn layered(global: &Global, mut given: Profile, dotenv: &Dotenv) -> Result<Self, Error> {
        check_profile(&global.profile)?;
        let config = Config::read(global.config_dir.as_deref())?;
        let saved = config.profile(&global.profile)?.unwrap_or_default();
        // What the user says, now or by an earlier login.
        let own = given.clone().over(saved.clone().fitting(&given));
        let none = Dotenv::default();
        let fits = !folder::is_for_another_provider(dotenv, &own);
        let fitting = if fits { dotenv } else { &none };
        let mut found = folder::gaps(fitting, &own)?;
        let preset = presets::named(global, &own, &found, fitting)?;
        if let Some(preset) = &preset {
            presets::fill_gaps(preset, &own, &mut given, &mut found, fitting)?;
        }
        let effective = given.clone().over(saved.clone().fitting(&given)).over(found.clone());
        let unread_dotenv = dotenv.unread.clone();
        Ok(Self { config, saved, given, found, unread_dotenv, effective, preset })
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
        self.effective.pages.as_ref().map_or_else(|| Ok(Pages::default()), pages::read)
    }

    /// The client that these settings describe, but for its pages.
    pub(crate) fn builder(
        &self,
        global: &Global,
        open_browser: bool,
    ) -> Result<LatchBuilder, Error> {
        let profile = &self.effective;
        let mut builder = equip(self.of_provider(global)?, global, profile)?
            .renew_in(renewal::place(global, profile))
            .profile(&global.profile)
            .resources(profile.resources.clone().unwrap_or_default())
            .api_origins(profile.api_origins.clone().unwrap_or_default())
            .endpoints(profile.endpoints())
            .terminal(StderrTerminal::new(global.verbose).plain(global.plain))
            .open_browser(open_browser)
            .draw_qr(profile.no_qr != Some(true));
        self.check_identity()?;
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
            _ => {
                if let Some(reason) = &self.unread_dotenv {
                    say(&format!("The file .env in this folder was not read: {reason}"));
                }
                Err(self.unknown(global))
            }
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
        equip(builder, global, &self.effective)?
            .profile(&key.profile)
            .account(&key.account)
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
}

/// The HTTP client that this profile describes; `None` if it says nothing of it.
pub(crate) fn http(profile: &Profile) -> Result<Option<SystemHttp>, Error> {
    if profile.client_key.is_some() && profile.client_cert.is_none() {
        return Err(Error::new(
            Code::InvalidConfiguration,
            "there is a client key and no client certificate",
            "give --client-cert FILE as well, or leave out --client-key",
        ));
    }
    if profile.ca_file.is_none() && profile.client_cert.is_none() {
        return Ok(None);
    }
    let mut http = SystemHttp::new();
    if let Some(path) = &profile.ca_file {
        http = http.ca_file(path)?;
    }
    if let Some(certificate) = &profile.client_cert {
        let key = profile.client_key.as_ref().unwrap_or(certificate);
        http = http.client_certificate(certificate, key)?;
    }
    Ok(Some(http))
}

/// Adds what every process of these settings works with, the one that renews too.
pub(crate) fn equip(
    builder: LatchBuilder,
    global: &Global,
    profile: &Profile,
) -> Result<LatchBuilder, Error> {
    let builder = builder.shared_store(Stores::open(global, profile)?.chosen());
    Ok(match http(profile)? {
        Some(http) => builder.http(http),
        None => builder,
    })
}
