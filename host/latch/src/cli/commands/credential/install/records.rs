//! What was installed, so that it can be undone exactly.

use std::path::{Path, PathBuf};

use latchstring::{Code, Error, files};
use serde::{Deserialize, Serialize};

use super::clients::{self, Client};
use super::edit::{self, Edit};
use super::launcher;
use crate::cli::args::{Global, Installable};
use crate::cli::commands::credential::helper::fingerprint;
use crate::cli::stores;

const FILE: &str = "credential-helpers.json";

/// One changed file. Holds what was in it, which may be a secret: has no `Debug`.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) protocol: String,
    pub(super) profile: String,
    pub(super) path: PathBuf,
    /// What was in the file. `None` if there was none.
    before: Option<String>,
    /// Hash of what was written.
    after: String,
    pub(super) launchers: Vec<PathBuf>,
}

pub(super) struct Records {
    path: PathBuf,
    all: Vec<Record>,
}

impl Records {
    pub(super) fn read(global: &Global) -> Result<Self, Error> {
        let folder = stores::folder(global)?;
        let path = folder.join(FILE);
        let text = edit::read(&path)?;
        let all = text.map_or_else(|| Ok(Vec::new()), |text| serde_json::from_str(&text));
        let all = all.map_err(|error| {
            Error::new(
                Code::InvalidConfiguration,
                format!("{} cannot be read: {error}", path.display()),
                "correct the file, or delete it and undo the settings by hand",
            )
        })?;
        Ok(Self { path, all })
    }

    pub(super) fn all(&self) -> &[Record] {
        &self.all
    }

    /// Returns whether `latch` has made this launcher, and a program still needs it.
    pub(super) fn know(&self, launcher: &Path) -> bool {
        self.all.iter().any(|record| record.launchers.iter().any(|other| other == launcher))
    }

    /// Notes a change. What was there before the first one stays known.
    pub(super) fn note(&mut self, client: &Client<'_>, edit: &Edit, launchers: &[PathBuf]) {
        let (protocol, profile) = (clients::name(client.protocol), client.profile());
        let earlier = self.all.iter().position(|record| {
            record.protocol == protocol && record.profile == profile && record.path == edit.path
        });
        let earlier = earlier.map(|position| self.all.remove(position));
        let now = fingerprint(edit.before.as_deref().unwrap_or_default());
        let before = match earlier {
            Some(record) if record.after == now => record.before,
            _ => edit.before.clone(),
        };
        self.all.push(Record {
            protocol: protocol.to_owned(),
            profile: profile.to_owned(),
            path: edit.path.clone(),
            before,
            after: fingerprint(&edit.after),
            launchers: launchers.to_vec(),
        });
    }

    /// Removes the records of this program and profile, and returns them.
    pub(super) fn take(&mut self, protocol: Installable, profile: &str) -> Vec<Record> {
        let is_meant = |record: &mut Record| {
            record.protocol == clients::name(protocol) && record.profile == profile
        };
        self.all.extract_if(.., is_meant).collect()
    }

    pub(super) fn write(&self) -> Result<(), Error> {
        let write = || -> std::io::Result<()> {
            let folder = self.path.parent().unwrap_or(&self.path);
            std::fs::create_dir_all(folder)?;
            // For the user alone: settings may have held secrets.
            files::replace(&self.path, |file| Ok(serde_json::to_writer(file, &self.all)?))
        };
        write().map_err(|error| {
            Error::new(
                Code::NotSaved,
                format!("{} cannot be written: {error}", self.path.display()),
                "free some space or repair the folder",
            )
        })
    }
}

impl Record {
    /// Returns why the program does not find the helper, if it does not.
    pub(super) fn trouble(&self) -> Option<Error> {
        let again =
            format!("run: latch credential install {} --profile {}", self.protocol, self.profile);
        let trouble = |message: String, remedy: String| {
            Some(Error::new(Code::InvalidConfiguration, message, remedy))
        };
        let text = edit::read(&self.path).ok().flatten().unwrap_or_default();
        let without = clients::without(&self.protocol, &self.profile, &text);
        if without.is_ok_and(|without| without == text) {
            return trouble("its settings are gone".to_owned(), again);
        }
        let (lost, what) = self.launchers.iter().find_map(|launcher| match launcher.exists() {
            false => Some((launcher, "is gone")),
            true => (!launcher::is_current(launcher))
                .then_some((launcher, "is another version of latch, or another program")),
        })?;
        trouble(format!("its launcher {} {what}", lost.display()), again)
    }

    /// Returns the change that takes the settings back: byte for byte if nobody has changed
    /// the file since, otherwise what `install` has added.
    pub(super) fn undo(&self) -> Result<Edit, Error> {
        Edit::of(self.path.clone(), |text| match fingerprint(text) == self.after {
            true => Ok(self.before.clone().unwrap_or_default()),
            false => clients::without(&self.protocol, &self.profile, text),
        })
    }
}
