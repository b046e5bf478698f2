//! The settings in force: the command line and the environment, over the profile,
//! over defaults.

#[path = "../../../../../host/latch/src/cli/settings/advice.rs"]
mod advice;
#[path = "../../../../../host/latch/src/cli/settings/given.rs"]
mod given;
#[path = "../../../../../host/latch/src/cli/settings/remembered.rs"]
mod remembered;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use latchstring::capability::loopback::{Redirect, RedirectHost};
use latchstring::capability::store::Key;
use latchstring::capability::surroundings;
use latchstring::capability::terminal::{StderrTerminal, Terminal as _};
use latchstring::contract::{Client, Endpoints, Facts, Parameter, Pkce, Protocol, RequestFormat};
use latchstring::latch::Manner;
use latchstring::pages::Pages;
use latchstring::{Code, Error, Latch, check_profile};

use super::args::Global;
use super::config::Config;
use super::environment::variable;
use super::profile::Profile;
use super::stores::Stores;
use crate::sandbox::Instance;
use crate::wasi::files::{self, Links};
pub(crate) use given::absolute;

/// Bytes of a file that the person names.
const LONGEST: u64 = 256 * 1024;

/// What one command runs with.
pub(crate) struct Settings {
    /// As kept in the configuration file.
    pub(crate) saved: Profile,
    /// As given on the command line and in the environment.
    pub(crate) given: Profile,
    /// What holds in the end.
    pub(crate) effective: Profile,
}

impl Settings {
    /// Reads every layer. A sandbox has no current folder, so no `.env` is read.
    pub(crate) fn read(global: &Global, given: Profile) -> Result<Self, Error> {
        check_profile(&global.profile)?;
        let folder = global.config_dir.as_deref();
        let saved = Config::profile_in(folder, &global.profile)?.unwrap_or_default();
        let effective = given.clone().over(saved.clone().fitting(&given));
        if let Some(preset) = &effective.provider {
            return Err(Error::new(
                Code::InvalidConfiguration,
                format!("this host has no presets, and so does not know the provider {preset}"),
                "use the native latch for it, or give --issuer and --client-id",
            ));
        }
        Ok(Self { saved, given, effective })
    }

    /// The client that these settings describe.
    pub(crate) fn latch(&self, global: &Global, _opens_browser: bool) -> Result<Latch, Error> {
        let client = self.client(global)?;
        let key = Key { profile: global.profile.clone(), account: Instance.account_key(&client) };
        Ok(Latch {
            client,
            key,
            store: Stores::open(global, &self.effective)?.chosen(),
            terminal: Arc::new(StderrTerminal::new(global.verbose, global.plain)),
        })
    }

    fn client(&self, global: &Global) -> Result<Client, Error> {
        let profile = &self.effective;
        if profile.ca_file.is_some() || profile.client_cert.is_some() {
            return Err(Error::new(
                Code::InvalidConfiguration,
                "--ca-file and --client-cert have no effect in this host: its TLS is wasmtime's",
                "use the native latch for this provider",
            ));
        }
        let Some(client_id) = profile.client_id.clone() else { return Err(self.unknown(global)) };
        if profile.issuer.is_none() && profile.token_endpoint.is_none() {
            return Err(self.unknown(global));
        }
        let parameters = profile
            .parameters
            .iter()
            .flatten()
            .map(|(name, value)| Parameter { name: name.clone(), value: value.clone() });
        Ok(Client {
            issuer: profile.issuer.clone(),
            discover: profile.issuer.is_some() && profile.discovery != Some(false),
            endpoints: profile.endpoints(),
            assumed_endpoints: no_endpoints(),
            https_issuer: false,
            client_id,
            client_secret: self.client_secret()?,
            authentication: profile.client_auth.map(Into::into),
            scopes: profile.scopes.clone().unwrap_or_default(),
            resources: profile.resources.clone().unwrap_or_default(),
            parameters: parameters.collect(),
            pkce: Pkce::Discovered,
            token_type_optional: false,
            request_format: RequestFormat::Form,
            protocol: Protocol::Oauth,
        })
    }

    /// From the environment, else from a file: never from the command line.
    fn client_secret(&self) -> Result<Option<String>, Error> {
        let file = self.effective.client_secret_file.as_deref();
        match (variable("LATCH_CLIENT_SECRET"), file) {
            (None, Some(path)) => {
                let text = text(&path.to_string_lossy(), "client secret", "--client-secret-file")?;
                Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
            }
            (variable, _) => Ok(variable),
        }
    }

    /// How a login goes about it.
    pub(crate) fn manner(&self, latch: &Latch) -> Result<Manner, Error> {
        let profile = &self.effective;
        let redirect = Redirect {
            host: profile.redirect_host.map_or(RedirectHost::Ipv4, Into::into),
            ports: profile.ports.clone().unwrap_or_default(),
            path: profile.redirect_path.clone().unwrap_or_else(|| "/callback".to_owned()),
        };
        redirect.check()?;
        let shows_address = profile.no_browser == Some(true);
        Ok(Manner {
            redirect,
            patience: profile.timeout.map(Duration::from_secs),
            flow: profile.flow.and_then(Into::into),
            facts: Facts {
                terminal: latch.terminal.is_attended(),
                // Nobody can see a screen from here: it is taken for granted where
                // nothing speaks against it.
                display: true,
                shows_address,
                ..surroundings::read(&variable, &|_| false)
            },
            binds_browser: !shows_address,
            draws_qr: profile.no_qr != Some(true),
            pages: self.pages()?,
        })
    }

    /// What a browser is shown.
    fn pages(&self) -> Result<Pages, Error> {
        let Some(path) = &self.effective.pages else { return Ok(Pages::default()) };
        let read = |path: &Path| text(&path.to_string_lossy(), "pages", "--pages");
        let template = |path: &Path| read(path).map_err(|error| error.message().to_owned());
        Pages::from_toml(&read(path)?, template).map_err(|reason| {
            Error::new(
                Code::InvalidConfiguration,
                format!("the pages in {} cannot be shown: {reason}", path.display()),
                "correct the file, or leave it out",
            )
        })
    }
}

/// A file that an option names.
fn text(path: &str, what: &str, option: &str) -> Result<String, Error> {
    let unreadable = |reason: &str| {
        Error::new(
            Code::InvalidConfiguration,
            format!("the {what} file {path} cannot be read: {reason}"),
            format!("check {option}, and that wasmtime is given its folder with --dir"),
        )
    };
    let bytes = files::read(path, LONGEST, Links::Followed)
        .map_err(|trouble| unreadable(&trouble.reason()))?
        .ok_or_else(|| unreadable("there is no such file"))?;
    String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8"))
}

fn no_endpoints() -> Endpoints {
    Profile::default().endpoints()
}
