//! The configuration file in a folder of a sandbox.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use latchstring::Error;
use latchstring::capability::store::{FileLock, lock_file};

use super::not_written;

/// Where settings are unless the user names another folder.
const FOLDER: &str = "/config";

/// Time limit for the lock. A change takes milliseconds, and the holder may have died.
const LOCK_PATIENCE: Duration = Duration::from_secs(15);

/// Replaces the file atomically. A symbolic link stays one, and the file that it leads to is
/// written in place.
pub(super) fn replace(path: &Path, text: &str) -> Result<(), Error> {
    let write = || -> std::io::Result<()> {
        if fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink()) {
            return fs::write(path, text);
        }
        // The caller holds the lock, so a file of this name was left by a crash.
        let new = path.with_extension("toml.tmp");
        let mut file = File::create(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    write().map_err(|error| not_written(path, &error.to_string()))
}

/// Locks the file until the result is dropped.
pub(super) async fn lock(path: &Path) -> Result<FileLock, Error> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|error| {
        let reason = format!("{error}; wasmtime gives it with --dir FOLDER::{}", folder.display());
        not_written(path, &reason)
    })?;
    lock_file(&path.with_extension("wasi-lock"), LOCK_PATIENCE).await
}

/// Returns the folder for settings.
pub(super) fn default_folder() -> Result<PathBuf, Error> {
    Ok(PathBuf::from(FOLDER))
}
