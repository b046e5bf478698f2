//! `config.toml`, in a folder that was given to this sandbox.

#[path = "../../../../../host/latch/src/cli/config/document.rs"]
mod document;
#[path = "../../../../../host/latch/src/cli/config/excerpt.rs"]
mod excerpt;

use std::path::{Path, PathBuf};
use std::time::Duration;

use latchstring::{Code, Error};
use toml_edit::DocumentMut;

use crate::capability::entropy::{Entropy as _, SystemEntropy};
use crate::capability::store::lock_file;
use crate::cli::profile::Profile;
use crate::wasi::files::{self, DescriptorType, Links, Trouble};
use document::trouble;

/// Where settings are looked for unless something else is said.
const FOLDER: &str = "/config";
/// A change takes milliseconds.
const LOCK_PATIENCE: Duration = Duration::from_secs(15);
/// Bytes; far more than profiles need.
const LONGEST: u64 = 1024 * 1024;

/// The configuration file.
pub(crate) struct Config {
    path: PathBuf,
    document: DocumentMut,
}

impl Config {
    /// Reads the file in `folder`.
    pub(crate) fn read(folder: Option<&Path>) -> Result<Self, Error> {
        let path = path_in(folder);
        let text = read_text(folder, &path)?;
        Self::parse(PathBuf::from(path), &text)
    }

    /// Returns the settings of one profile in the file, or `None` if there is no such
    /// profile. Mistakes in other profiles do not matter, if they can be told apart.
    pub(crate) fn profile_in(folder: Option<&Path>, name: &str) -> Result<Option<Profile>, Error> {
        let path = path_in(folder);
        let text = read_text(folder, &path)?;
        Self::parse_profile(PathBuf::from(path), &text, name)
    }

    /// Changes the file as it is now, and not as it was when the command began:
    /// a login takes minutes, and another one may end meanwhile.
    pub(crate) async fn change(
        folder: Option<&Path>,
        change: impl FnOnce(&mut Self) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let path = path_in(folder);
        let folder_name = path.rsplit_once('/').map_or(".", |(folder, _)| folder);
        files::make_folder(folder_name).map_err(|error| not_written(&path, &error))?;
        let _lock = lock_file(&format!("{folder_name}/config.wasi-lock"), LOCK_PATIENCE).await?;
        let mut config = Self::read(folder)?;
        change(&mut config)?;
        config.write().map_err(|error| not_written(&path, &error))?;
        Ok(config)
    }

    /// Replaces the file, whole or not at all; one that is a symbolic link is
    /// written where it leads, in place.
    fn write(&self) -> Result<(), Trouble> {
        let path = self.path.to_string_lossy();
        let text = self.document.to_string();
        if files::kind(&path, Links::Refused)? == Some(DescriptorType::SymbolicLink) {
            return files::overwrite(&path, text.as_bytes());
        }
        let unique = SystemEntropy.draw().unwrap_or_default();
        let unique: String = unique[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        let temporary = format!("{path}.{unique}.tmp");
        let written = files::create(&temporary, text.as_bytes())
            .and_then(|_| files::rename(&temporary, &path));
        if written.is_err() {
            let _ = files::remove(&temporary);
        }
        written
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Returns the file's text. One that is not there is empty, and so is one whose folder was
/// not given.
fn read_text(folder: Option<&Path>, path: &str) -> Result<String, Error> {
    let bytes = match files::read(path, LONGEST, Links::Followed) {
        Err(Trouble::NotGiven) if folder.is_none() => None,
        read => read.map_err(|error| {
            let remedy = "check --config-dir, and wasmtime's --dir";
            trouble(Path::new(path), &error.reason(), remedy)
        })?,
    };
    String::from_utf8(bytes.unwrap_or_default())
        .map_err(|_| trouble(Path::new(path), "it is not UTF-8", "correct the file"))
}

pub(crate) fn path_in(folder: Option<&Path>) -> String {
    let folder = folder.map_or(FOLDER.into(), Path::to_string_lossy);
    format!("{}/config.toml", folder.trim_end_matches('/'))
}

fn not_written(path: &str, trouble: &Trouble) -> Error {
    let folder = path.rsplit_once('/').map_or(".", |(folder, _)| folder);
    Error::new(
        Code::NotSaved,
        format!("the settings cannot be written to {path}: {}", trouble.reason()),
        match trouble {
            Trouble::NotGiven => format!("run wasmtime with --dir FOLDER::{folder}"),
            _ => "make room, or choose another folder with --config-dir".to_owned(),
        },
    )
}
