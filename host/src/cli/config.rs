//! `config.toml`: one table per profile.
//!
//! ```toml
//! [profile.default]
//! issuer = "https://id.example.com"
//! client-id = "my-cli"
//! scopes = ["openid", "offline_access"]
//! ```

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use directories::ProjectDirs;
use latchstring::{Code, Error};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use toml_edit::{DocumentMut, Item, Table};

use super::choices::{ClientAuth, Flow, RedirectHost, StoreChoice};

/// A change takes milliseconds.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// A profile's settings, each of them optional.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Profile {
    pub(crate) issuer: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) scopes: Option<Vec<String>>,
    pub(crate) resources: Option<Vec<String>>,
    pub(crate) api_origins: Option<Vec<String>>,
    pub(crate) client_secret_file: Option<PathBuf>,
    pub(crate) client_auth: Option<ClientAuth>,
    pub(crate) discovery: Option<bool>,
    pub(crate) authorization_endpoint: Option<String>,
    pub(crate) token_endpoint: Option<String>,
    pub(crate) userinfo_endpoint: Option<String>,
    pub(crate) revocation_endpoint: Option<String>,
    pub(crate) device_authorization_endpoint: Option<String>,
    pub(crate) jwks_uri: Option<String>,
    pub(crate) end_session_endpoint: Option<String>,
    pub(crate) flow: Option<Flow>,
    pub(crate) ports: Option<Vec<u16>>,
    pub(crate) redirect_host: Option<RedirectHost>,
    pub(crate) redirect_path: Option<String>,
    pub(crate) browser: Option<String>,
    pub(crate) no_browser: Option<bool>,
    pub(crate) no_qr: Option<bool>,
    pub(crate) pages: Option<PathBuf>,
    pub(crate) timeout: Option<u64>,
    pub(crate) store: Option<StoreChoice>,
    pub(crate) key_file: Option<PathBuf>,
    pub(crate) encrypt: Option<bool>,
    pub(crate) parameters: Option<BTreeMap<String, String>>,
}

impl Profile {
    /// These settings, and where they are silent, `below`.
    pub(crate) fn over(self, below: Self) -> Self {
        let (browser, no_browser) = match (self.browser, self.no_browser) {
            // Which browser is one question: the nearer answer counts whole.
            (None, None) => (below.browser, below.no_browser),
            answered => answered,
        };
        Self {
            issuer: self.issuer.or(below.issuer),
            client_id: self.client_id.or(below.client_id),
            scopes: self.scopes.or(below.scopes),
            resources: self.resources.or(below.resources),
            api_origins: self.api_origins.or(below.api_origins),
            client_secret_file: self.client_secret_file.or(below.client_secret_file),
            client_auth: self.client_auth.or(below.client_auth),
            discovery: self.discovery.or(below.discovery),
            authorization_endpoint: self.authorization_endpoint.or(below.authorization_endpoint),
            token_endpoint: self.token_endpoint.or(below.token_endpoint),
            userinfo_endpoint: self.userinfo_endpoint.or(below.userinfo_endpoint),
            revocation_endpoint: self.revocation_endpoint.or(below.revocation_endpoint),
            device_authorization_endpoint: self
                .device_authorization_endpoint
                .or(below.device_authorization_endpoint),
            jwks_uri: self.jwks_uri.or(below.jwks_uri),
            end_session_endpoint: self.end_session_endpoint.or(below.end_session_endpoint),
            flow: self.flow.or(below.flow),
            ports: self.ports.or(below.ports),
            redirect_host: self.redirect_host.or(below.redirect_host),
            redirect_path: self.redirect_path.or(below.redirect_path),
            browser,
            no_browser,
            no_qr: self.no_qr.or(below.no_qr),
            pages: self.pages.or(below.pages),
            timeout: self.timeout.or(below.timeout),
            store: self.store.or(below.store),
            key_file: self.key_file.or(below.key_file),
            encrypt: self.encrypt.or(below.encrypt),
            parameters: self.parameters.or(below.parameters),
        }
    }

    /// What of these settings is meant for the provider and the client that
    /// `asked` names.
    ///
    /// Another provider gets nothing but the person's own habits; another client
    /// of the same provider gets no secret and no redirect of this one's.
    pub(crate) fn fitting(self, asked: &Self) -> Self {
        let habits = Self {
            flow: self.flow,
            browser: self.browser.clone(),
            no_browser: self.no_browser,
            no_qr: self.no_qr,
            pages: self.pages.clone(),
            timeout: self.timeout,
            store: self.store,
            key_file: self.key_file.clone(),
            encrypt: self.encrypt,
            ..Self::default()
        };
        if self.is_left_by(asked) {
            return habits;
        }
        if differ(&asked.client_id, &self.client_id) {
            return Self {
                issuer: self.issuer,
                api_origins: self.api_origins,
                discovery: self.discovery,
                authorization_endpoint: self.authorization_endpoint,
                token_endpoint: self.token_endpoint,
                userinfo_endpoint: self.userinfo_endpoint,
                revocation_endpoint: self.revocation_endpoint,
                device_authorization_endpoint: self.device_authorization_endpoint,
                jwks_uri: self.jwks_uri,
                end_session_endpoint: self.end_session_endpoint,
                ..habits
            };
        }
        self
    }

    /// Whether `asked` names another provider than these settings do. A provider
    /// without an issuer goes by its token endpoint; beside an issuer, an
    /// endpoint given by hand names no other provider.
    pub(crate) fn is_left_by(&self, asked: &Self) -> bool {
        match (&asked.issuer, &self.issuer) {
            (Some(asked), Some(own)) => asked != own,
            (Some(_), None) => self.token_endpoint.is_some(),
            (None, Some(_)) => false,
            (None, None) => differ(&asked.token_endpoint, &self.token_endpoint),
        }
    }

    pub(crate) fn names_provider(&self) -> bool {
        self.issuer.is_some() || self.token_endpoint.is_some()
    }

    /// Whether a session of one is a session of the other.
    pub(crate) fn shares_session_with(&self, other: &Self) -> bool {
        self.issuer == other.issuer
            && self.client_id == other.client_id
            && self.scopes == other.scopes
            && self.resources == other.resources
            && self.parameters == other.parameters
            && self.authorization_endpoint == other.authorization_endpoint
            && self.token_endpoint == other.token_endpoint
    }
}

fn differ(one: &Option<String>, other: &Option<String>) -> bool {
    one.is_some() && other.is_some() && one != other
}

/// The configuration file.
pub(crate) struct Config {
    path: PathBuf,
    document: DocumentMut,
}

impl Config {
    /// Reads the file in `folder`, or in the platform's own place; one that is
    /// not there is empty.
    pub(crate) fn read(folder: Option<&Path>) -> Result<Self, Error> {
        Self::read_at(path_in(folder)?)
    }

    /// Changes the file as it is now, and not as it was when the command began:
    /// a login takes minutes, and another one may end meanwhile.
    pub(crate) async fn change(
        folder: Option<&Path>,
        change: impl FnOnce(&mut Self) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let path = path_in(folder)?;
        let _lock = lock(&path).await?;
        let mut config = Self::read_at(path)?;
        change(&mut config)?;
        config.write()?;
        Ok(config)
    }

    fn read_at(path: PathBuf) -> Result<Self, Error> {
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => {
                return Err(trouble(&path, &error.to_string(), "check the file's permissions"));
            }
        };
        let document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
            let line = error.span().map(|span| format!("line {}: ", line_of(&text, span.start)));
            let reason = format!("{}{}", line.unwrap_or_default(), error.message());
            trouble(&path, &reason, "correct the file")
        })?;
        check_shape(&document).map_err(|reason| trouble(&path, &reason, "correct the file"))?;
        Ok(Self { path, document })
    }

    /// The settings kept under `name`; none where there are none.
    pub(crate) fn profile(&self, name: &str) -> Result<Option<Profile>, Error> {
        let Some(item) = self.item(name) else { return Ok(None) };
        // OK because `check_shape` has seen that every profile is a table.
        let table = item.clone().into_table().unwrap_or_default();
        toml_edit::de::from_document(DocumentMut::from(table)).map(Some).map_err(
            |error: toml_edit::de::Error| {
                let reason = format!("[profile.{name}]: {}", error.message());
                trouble(&self.path, &reason, "correct the file")
            },
        )
    }

    fn item(&self, name: &str) -> Option<&Item> {
        self.document.get("profile")?.get(name)
    }

    /// Every profile's name.
    pub(crate) fn names(&self) -> Vec<String> {
        self.document
            .get("profile")
            .and_then(Item::as_table_like)
            .map(|profiles| profiles.iter().map(|(name, _)| name.to_owned()).collect())
            .unwrap_or_default()
    }

    /// The settings of `name` as they stand in the file, comments and all.
    pub(crate) fn text_of(&self, name: &str) -> String {
        let table = self.item(name).and_then(|item| item.clone().into_table().ok());
        table.map(|table| table.to_string()).unwrap_or_default()
    }

    /// Keeps `profile` under `name`; comments and everything else stay.
    pub(crate) fn set(&mut self, name: &str, profile: &Profile) -> Result<(), Error> {
        let fields = toml_edit::ser::to_document(profile).map_err(|error| {
            trouble(&self.path, &error.to_string(), "report it with the command you ran")
        })?;
        let profiles = self.document.entry("profile").or_insert_with(|| {
            let mut table = Table::new();
            table.set_implicit(true);
            Item::Table(table)
        });
        let table = profiles
            .as_table_like_mut()
            .and_then(|profiles| {
                profiles.entry(name).or_insert_with(toml_edit::table).as_table_like_mut()
            })
            .ok_or_else(|| trouble(&self.path, "`profile` is no table", "correct the file"))?;
        let outdated: Vec<String> = table
            .iter()
            .map(|(key, _)| key.to_owned())
            .filter(|key| !fields.contains_key(key))
            .collect();
        for key in outdated {
            table.remove(&key);
        }
        for (key, value) in fields.as_table() {
            match (table.get_mut(key), value.as_value()) {
                (Some(Item::Value(old)), Some(new)) => {
                    let decor = old.decor().clone();
                    *old = new.clone();
                    *old.decor_mut() = decor;
                }
                _ => {
                    table.insert(key, value.clone());
                }
            }
        }
        Ok(())
    }

    /// Forgets `name`; false where there was nothing to forget.
    pub(crate) fn remove(&mut self, name: &str) -> bool {
        self.document
            .get_mut("profile")
            .and_then(Item::as_table_like_mut)
            .is_some_and(|profiles| profiles.remove(name).is_some())
    }

    /// Replaces the file, whole or not at all. A symbolic link stays one: people
    /// keep their settings in other places.
    fn write(&self) -> Result<(), Error> {
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let folder = path.parent().unwrap_or(Path::new("."));
        let write = || -> std::io::Result<()> {
            fs::create_dir_all(folder)?;
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(self.document.to_string().as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            Ok(())
        };
        write().map_err(|error| not_written(&path, &error.to_string()))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

fn path_in(folder: Option<&Path>) -> Result<PathBuf, Error> {
    let folder = folder.map_or_else(default_folder, |folder| Ok(folder.to_owned()))?;
    Ok(folder.join("config.toml"))
}

/// Held until it is dropped; none on a file system without locks.
async fn lock(path: &Path) -> Result<Option<File>, Error> {
    let place = path.with_extension("lock");
    let open = || {
        fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
        OpenOptions::new().create(true).truncate(false).write(true).open(&place)
    };
    let file = open().map_err(|error| not_written(path, &error.to_string()))?;
    let until = Instant::now() + LOCK_PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) if Instant::now() < until => {
                tokio::time::sleep(LOCK_PAUSE).await;
            }
            Err(TryLockError::WouldBlock) => {
                return Err(not_written(path, "another process has locked it"));
            }
            Err(TryLockError::Error(_)) => return Ok(None),
        }
    }
}

fn default_folder() -> Result<PathBuf, Error> {
    ProjectDirs::from("", "", "latchstring")
        .map(|folders| folders.config_dir().to_owned())
        .ok_or_else(|| {
            Error::new(
                Code::InvalidConfiguration,
                "this user has no home folder to keep settings in",
                "set HOME, or give --config-dir and --state-dir",
            )
        })
}

/// A misspelt table would otherwise count for nothing, in silence.
fn check_shape(document: &DocumentMut) -> Result<(), String> {
    if let Some((name, _)) = document.iter().find(|(name, _)| *name != "profile") {
        return Err(format!(
            "unknown key `{name}`; settings stand in tables like [profile.default]"
        ));
    }
    let Some(profiles) = document.get("profile") else { return Ok(()) };
    let profiles = profiles.as_table_like().ok_or("`profile` is not a table of profiles")?;
    match profiles.iter().find(|(_, item)| !item.is_table_like()) {
        Some((name, _)) => Err(format!("`profile.{name}` is not a table")),
        None => Ok(()),
    }
}

fn line_of(text: &str, position: usize) -> usize {
    text.bytes().take(position).filter(|byte| *byte == b'\n').count() + 1
}

fn not_written(path: &Path, reason: &str) -> Error {
    Error::new(
        Code::NotSaved,
        format!("the settings cannot be written to {}: {reason}", path.display()),
        "make room, or choose another folder with --config-dir",
    )
}

fn trouble(path: &Path, reason: &str, remedy: &str) -> Error {
    Error::new(Code::InvalidConfiguration, format!("{}: {reason}", path.display()), remedy)
}
