//! `config.toml`: one table per profile.
//!
//! ```toml
//! [profile.default]
//! issuer = "https://id.example.com"
//! client-id = "my-cli"
//! scopes = ["openid", "offline_access"]
//! ```

mod document;
mod excerpt;
mod ownership;
#[cfg(target_os = "wasi")]
mod sandboxed;
#[cfg(not(target_os = "wasi"))]
mod system;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use latchstring::{Code, Error};
use toml_edit::DocumentMut;

use super::profile::{Profile, is_same_resource};
use document::trouble;
pub(super) use ownership::check as check_ownership;
#[cfg(target_os = "wasi")]
use sandboxed as system;

/// The configuration file.
pub(crate) struct Config {
    path: PathBuf,
    document: DocumentMut,
}

impl Config {
    /// Reads the file in `folder`, or in the platform's folder. A missing file counts as
    /// empty.
    pub(crate) fn read(folder: Option<&Path>) -> Result<Self, Error> {
        Self::read_at(path_in(folder)?)
    }

    /// Returns the settings of one profile in the file, or `None` if there is no such
    /// profile. Mistakes in other profiles do not matter, if they can be told apart.
    pub(crate) fn profile_in(folder: Option<&Path>, name: &str) -> Result<Option<Profile>, Error> {
        let path = path_in(folder)?;
        let text = read_text(&path)?;
        Self::parse_profile(path, &text, name)
    }

    /// Returns the names of the profiles that were made for this URL of a resource.
    pub(crate) fn profiles_for(folder: Option<&Path>, url: &str) -> Result<Vec<String>, Error> {
        let path = path_in(folder)?;
        let text = read_text(&path)?;
        // Parsing the whole file would slow every command down.
        if !text.contains("resource-url") {
            return Ok(Vec::new());
        }
        let config = Self::parse(path, &text)?;
        let is_for_url = |name: &String| {
            let profile = config.profile(name).ok().flatten();
            let own = profile.and_then(|profile| profile.resource_url);
            own.is_some_and(|own| is_same_resource(&own, url))
        };
        Ok(config.names().into_iter().filter(is_for_url).collect())
    }

    /// Changes the file as it is now, not as it was when the command began: a login takes
    /// minutes, and another one may end in the meantime.
    pub(crate) async fn change(
        folder: Option<&Path>,
        change: impl FnOnce(&mut Self) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let path = path_in(folder)?;
        let _lock = system::lock(&path).await?;
        let mut config = Self::read_at(path)?;
        change(&mut config)?;
        system::replace(&config.path, &config.document.to_string())?;
        Ok(config)
    }

    /// Returns the text of the file, which is empty if there is none.
    #[cfg(not(target_os = "wasi"))]
    pub(crate) fn text(folder: Option<&Path>) -> Result<String, Error> {
        read_text(&path_in(folder)?)
    }

    /// Replaces the text of the file if it is still `before`, and if `check` accepts every
    /// profile in `after`.
    #[cfg(not(target_os = "wasi"))]
    pub(crate) async fn replace(
        folder: Option<&Path>,
        before: &str,
        after: &str,
        check: impl Fn(&Profile) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let path = path_in(folder)?;
        let config = Self::parse(path.clone(), after)?;
        for name in config.names() {
            latchstring::check_profile(&name)?;
            // OK because the name is one of those in the file.
            check(&config.profile(&name)?.expect("settings"))?;
        }
        let _lock = system::lock(&path).await?;
        if read_text(&path)? != before {
            return Err(not_written(&path, "another program has changed them meanwhile"));
        }
        system::replace(&path, after)
    }

    fn read_at(path: PathBuf) -> Result<Self, Error> {
        let text = read_text(&path)?;
        Self::parse(path, &text)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Returns the file's text, which is empty if there is no file.
fn read_text(path: &Path) -> Result<String, Error> {
    check_ownership(path)?;
    match fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(trouble(path, &error.to_string(), "check the file's permissions")),
    }
}

/// Returns the path of the file in the given folder, or in the platform's folder.
pub(crate) fn path_in(given: Option<&Path>) -> Result<PathBuf, Error> {
    folder(given).map(|folder| folder.join("config.toml"))
}

/// Returns the given folder, or the platform's configuration folder.
pub(crate) fn folder(given: Option<&Path>) -> Result<PathBuf, Error> {
    given.map_or_else(system::default_folder, |folder| Ok(folder.to_owned()))
}

fn not_written(path: &Path, reason: &str) -> Error {
    Error::new(
        Code::NotSaved,
        format!("the settings cannot be written to {}: {reason}", path.display()),
        "check disk space and permissions, or choose another folder with --config-dir",
    )
}
