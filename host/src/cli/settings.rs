//! The settings in force: the command line and the environment, over `.env`,
//! over the profile, over defaults.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use latchstring::capability::browser::CommandBrowser;
use latchstring::capability::loopback::{self, Redirect};
use latchstring::capability::store::{Key, Store};
use latchstring::capability::store::FileStore;
use latchstring::capability::store::MemoryStore;
use latchstring::capability::terminal::StderrTerminal;
use latchstring::contract::Endpoints;
use latchstring::{ClientAuthentication, Code, Description, Error, Latch, default_state_folder};
use zeroize::Zeroizing;

use super::args::{ClientAuth, Global, LoginArgs, ProviderArgs, RedirectArgs, RedirectHost, StoreChoice};
use super::config::{Config, Profile};
use super::dotenv;
use super::output::say;

const CLIENT_SECRET: &str = "LATCH_CLIENT_SECRET";

/// What one command runs with.
pub(crate) struct Settings {
    pub(crate) config: Config,
    /// As kept in the configuration file.
    pub(crate) saved: Profile,
    /// As given on the command line and in the environment.
    pub(crate) given: Profile,
    /// What holds in the end.
    pub(crate) effective: Profile,
}

impl Settings {
    /// Reads every layer.
    pub(crate) fn read(global: &Global, given: Profile) -> Result<Self, Error> {
        let config = Config::read(global.config_dir.as_deref())?;
        let saved = config.profile(&global.profile)?.unwrap_or_default();
        let found = dotenv::read()?;
        let asked = given.clone().over(found);
        // Another provider or client: nothing of the old one's is for it.
        let below = if asked.departs_from(&saved) { Profile::default() } else { saved.clone() };
        let effective = asked.over(below);
        Ok(Self { config, saved, given, effective })
    }

    /// What a login keeps under the profile: what the person said, never what a
    /// folder's `.env` did, and nothing that was meant for this run only.
    pub(crate) fn to_remember(&self) -> Option<Profile> {
        let below = if self.given.departs_from(&self.saved) { Profile::default() } else { self.saved.clone() };
        let (browser, timeout) = (below.browser.clone(), below.timeout);
        let remembered = Profile { browser, timeout, ..self.given.clone().over(below) };
        let names_a_login = remembered.client_id.is_some()
            && (remembered.issuer.is_some() || remembered.token_endpoint.is_some());
        (names_a_login && remembered != self.saved).then_some(remembered)
    }

    /// The client that these settings describe.
    pub(crate) fn latch(&self, global: &Global, open_browser: bool) -> Result<Latch, Error> {
        let profile = &self.effective;
        let Some(client_id) = profile.client_id.clone() else {
            return Err(self.unknown(global));
        };
        let mut builder = match profile.issuer.clone() {
            Some(issuer) => Latch::builder(issuer, client_id),
            None if profile.token_endpoint.is_some() => Latch::builder_without_issuer(client_id),
            None => return Err(self.unknown(global)),
        };
        builder = builder
            .profile(&global.profile)
            .scopes(profile.scopes.clone().unwrap_or_default())
            .resources(profile.resources.clone().unwrap_or_default())
            .endpoints(Endpoints {
                authorization: profile.authorization_endpoint.clone(),
                token: profile.token_endpoint.clone(),
                userinfo: profile.userinfo_endpoint.clone(),
                revocation: profile.revocation_endpoint.clone(),
                jwks: profile.jwks_uri.clone(),
            })
            .redirect(Redirect {
                host: profile.redirect_host.map_or(loopback::RedirectHost::Ipv4, Into::into),
                ports: profile.ports.clone().unwrap_or_default(),
                path: profile.redirect_path.clone().unwrap_or_else(|| "/callback".to_owned()),
            })
            .shared_store(self.store(global)?)
            .terminal(StderrTerminal::new(global.verbose))
            .open_browser(open_browser);
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
        builder.build()
    }

    /// A client for the session under `key`, which other settings than these
    /// began: enough to end it.
    pub(crate) fn latch_of(&self, global: &Global, description: &Description, key: &Key) -> Result<Latch, Error> {
        let client_id = description.client_id.clone();
        let builder = match description.issuer.clone() {
            Some(issuer) => Latch::builder(issuer, client_id),
            None => Latch::builder_without_issuer(client_id),
        };
        builder
            .profile(&key.profile)
            .account(&key.account)
            .shared_store(self.store(global)?)
            .terminal(StderrTerminal::new(global.verbose))
            .build()
    }

    /// Where sessions are kept.
    pub(crate) fn store(&self, global: &Global) -> Result<Arc<dyn Store>, Error> {
        store(global, self.effective.store)
    }

    fn client_secret(&self) -> Result<Option<Zeroizing<String>>, Error> {
        if let Ok(secret) = std::env::var(CLIENT_SECRET) {
            return Ok(Some(Zeroizing::new(secret)));
        }
        let Some(path) = &self.effective.client_secret_file else { return Ok(None) };
        let text = fs::read_to_string(path).map(Zeroizing::new).map_err(|error| {
            Error::new(
                Code::InvalidConfiguration,
                format!("the client secret file {} cannot be read: {error}", path.display()),
                "check --client-secret-file",
            )
        })?;
        Ok(Some(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned())))
    }

    fn unknown(&self, global: &Global) -> Error {
        Error::new(
            Code::LoginRequired,
            format!("the profile {} has no provider yet", global.profile),
            "log in with: latch login --issuer URL --client-id ID",
        )
    }

    /// Tells where a login's provider came from, where that is not plain.
    pub(crate) fn tell_origin(&self) {
        if self.given.issuer.is_none() && self.effective.issuer != self.saved.issuer {
            if let Some(issuer) = &self.effective.issuer {
                say(&format!("The file .env in this folder names the provider {issuer}"));
            }
        }
    }
}

/// The store that was asked for.
pub(crate) fn store(global: &Global, saved: Option<StoreChoice>) -> Result<Arc<dyn Store>, Error> {
    match global.store.or(saved).unwrap_or(StoreChoice::Auto) {
        StoreChoice::Auto | StoreChoice::File => {
            let folder = match &global.state_dir {
                Some(folder) => folder.clone(),
                None => default_state_folder()?,
            };
            Ok(Arc::new(FileStore::new(folder)))
        }
        StoreChoice::Memory => Ok(Arc::new(MemoryStore::default())),
    }
}

impl ProviderArgs {
    /// These arguments as settings.
    pub(crate) fn into_profile(self) -> Profile {
        Profile {
            issuer: self.issuer,
            client_id: self.client_id,
            scopes: some(self.scopes),
            resources: some(self.resources),
            client_secret_file: self.client_secret_file.map(|path| absolute(&path)),
            client_auth: self.client_auth,
            discovery: self.no_discovery.then_some(false),
            authorization_endpoint: self.authorization_endpoint,
            token_endpoint: self.token_endpoint,
            userinfo_endpoint: self.userinfo_endpoint,
            revocation_endpoint: self.revocation_endpoint,
            jwks_uri: self.jwks_uri,
            ..Profile::default()
        }
    }
}

impl LoginArgs {
    /// These arguments as settings.
    pub(crate) fn into_profile(self) -> Profile {
        let RedirectArgs { flow, ports, redirect_host, redirect_path, browser, no_browser: _, timeout, parameters } =
            self.redirect;
        Profile {
            flow,
            ports: some(ports),
            redirect_host,
            redirect_path,
            browser,
            timeout,
            parameters: some(parameters).map(|pairs| pairs.into_iter().collect()),
            ..self.provider.into_profile()
        }
    }
}

/// A list that was given at all.
fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

/// A remembered path must mean the same from every folder.
fn absolute(path: &Path) -> std::path::PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

impl From<RedirectHost> for loopback::RedirectHost {
    fn from(host: RedirectHost) -> Self {
        match host {
            RedirectHost::Ipv4 => Self::Ipv4,
            RedirectHost::Localhost => Self::Localhost,
            RedirectHost::Ipv6 => Self::Ipv6,
        }
    }
}

impl From<ClientAuth> for ClientAuthentication {
    fn from(method: ClientAuth) -> Self {
        match method {
            ClientAuth::None => Self::None,
            ClientAuth::ClientSecretBasic => Self::ClientSecretBasic,
            ClientAuth::ClientSecretPost => Self::ClientSecretPost,
        }
    }
}
