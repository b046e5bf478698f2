//! The list of sessions in the keyring, which is read without asking the keyring.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use super::super::failure::cannot;
use super::super::{Key, guard, names};
use crate::error::Error;

/// Marks each session in the keyring by an empty file `PROFILE.ACCOUNT.EXTENSION`.
///
/// A marker is created before its entry and removed after it, so that every entry has one.
/// A crash may leave a marker without an entry.
#[derive(Debug, Clone)]
pub(super) struct Index {
    folder: PathBuf,
    extension: &'static str,
}

impl Index {
    pub(super) fn new(folder: PathBuf, extension: &'static str) -> Self {
        Self { folder, extension }
    }

    /// Creates the folder and the marker. Returns true if there was no marker.
    pub(super) fn add(&self, key: &Key) -> Result<bool, Error> {
        let path = names::path(&self.folder, key, self.extension)?;
        guard::make_folder(&self.folder)?;
        if fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file()) {
            return Ok(false);
        }
        guard::open_or_make(&path)?;
        guard::sync_folder(&self.folder).map_err(|error| cannot("make", &path, &error))?;
        Ok(true)
    }

    /// Removes the marker if there is one.
    pub(super) fn remove(&self, key: &Key) -> Result<(), Error> {
        let path = names::path(&self.folder, key, self.extension)?;
        let failed = |error: io::Error| cannot("delete", &path, &error);
        match fs::remove_file(&path) {
            Ok(()) => guard::sync_folder(&self.folder).map_err(failed),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }

    pub(super) fn keys(&self) -> Result<Vec<Key>, Error> {
        names::keys(&self.folder, self.extension)
    }
}
