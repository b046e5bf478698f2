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

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use directories::ProjectDirs;
use latchstring::{Code, Error};
use tokio::time::Instant;
use toml_edit::DocumentMut;

use super::profile::Profile;
use document::trouble;
pub(super) use ownership::check as check_ownership;

/// Time limit for the lock. A change takes milliseconds.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);
const LOCK_RETRY_DELAY: Duration = Duration::from_millis(5);

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

    /// Changes the file as it is now, not as it was when the command began: a login takes
    /// minutes, and another one may end in the meantime.
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
        let text = read_text(&path)?;
        Self::parse(path, &text)
    }

    /// Replaces the file atomically. A symbolic link stays one: users keep their settings
    /// elsewhere and link to them.
    fn write(&self) -> Result<(), Error> {
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let folder = path.parent().unwrap_or(Path::new("."));
        let write = || -> std::io::Result<()> {
            make_folder(folder)?;
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

/// Returns the file's text, which is empty if there is no file.
fn read_text(path: &Path) -> Result<String, Error> {
    check_ownership(path)?;
    match fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(trouble(path, &error.to_string(), "check the file's permissions")),
    }
}

/// Creates the folder and its missing parents for the owner only: with an open umask,
/// other users could otherwise write the settings.
fn make_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Returns the path of the file in the given folder, or in the platform's folder.
pub(crate) fn path_in(given: Option<&Path>) -> Result<PathBuf, Error> {
    folder(given).map(|folder| folder.join("config.toml"))
}

/// Returns the given folder, or the platform's configuration folder.
pub(crate) fn folder(given: Option<&Path>) -> Result<PathBuf, Error> {
    given.map_or_else(default_folder, |folder| Ok(folder.to_owned()))
}

/// Locks the file until the result is dropped. Returns `None` on a file system without
/// locks.
async fn lock(path: &Path) -> Result<Option<File>, Error> {
    let lock_file = path.with_extension("lock");
    let open = || {
        make_folder(path.parent().unwrap_or(Path::new(".")))?;
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&lock_file)
    };
    let file = open().map_err(|error| not_written(path, &error.to_string()))?;
    let until = Instant::now() + LOCK_TIMEOUT;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) if Instant::now() < until => {
                tokio::time::sleep(LOCK_RETRY_DELAY).await;
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
                "there is no home folder to keep settings in",
                "set HOME, or give --config-dir and --state-dir",
            )
        })
}

fn not_written(path: &Path, reason: &str) -> Error {
    Error::new(
        Code::NotSaved,
        format!("the settings cannot be written to {}: {reason}", path.display()),
        "check disk space and permissions, or choose another folder with --config-dir",
    )
}
