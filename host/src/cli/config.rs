//! `config.toml`: one table per profile.
//!
//! ```toml
//! [profile.default]
//! issuer = "https://id.example.com"
//! client-id = "my-cli"
//! scopes = ["openid", "offline_access"]
//! ```

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use directories::ProjectDirs;
use latchstring::{Code, Error};
use tokio::time::Instant;
use toml_edit::{DocumentMut, Item, Table};

use super::profile::Profile;

/// A change takes milliseconds.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);
const LOCK_PAUSE: Duration = Duration::from_millis(5);

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

fn path_in(given: Option<&Path>) -> Result<PathBuf, Error> {
    folder(given).map(|folder| folder.join("config.toml"))
}

/// The folder that was given, or the platform's own.
pub(crate) fn folder(given: Option<&Path>) -> Result<PathBuf, Error> {
    given.map_or_else(default_folder, |folder| Ok(folder.to_owned()))
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
