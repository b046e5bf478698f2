//! Errors of the stores that use a folder.

use std::io::{self, ErrorKind};
use std::path::Path;

use crate::error::{Code, Error};

pub(super) fn unusable(message: String, remedy: &str) -> Error {
    Error::new(Code::StoreUnusable, message, remedy)
}

pub(super) fn cannot(what: &str, path: &Path, error: &io::Error) -> Error {
    let remedy = match error.kind() {
        ErrorKind::PermissionDenied => {
            "check the owner and permissions of the folders above it, or choose another folder \
             with --state-dir"
        }
        ErrorKind::ReadOnlyFilesystem => "choose a writable folder with --state-dir",
        _ => "check the folder and its file system, or choose another folder with --state-dir",
    };
    let message = format!("cannot {what} {}: {}", path.display(), reason(error));
    unusable(message, remedy).caused_by(io::Error::from(error.kind()))
}

/// The error of a file system that has no locks, as some network shares have none.
pub(super) fn not_locked(path: &Path, error: &io::Error) -> Error {
    let message = format!("cannot lock {}: {}", path.display(), reason(error));
    let remedy = "choose a folder on a file system that has locks, such as a local one, with \
                  --state-dir";
    unusable(message, remedy).caused_by(io::Error::from(error.kind()))
}

pub(super) fn not_saved(path: &Path, error: &io::Error) -> Error {
    let remedy = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some space and try again",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "make the folder writable, or choose another folder with --state-dir"
        }
        _ => "check the folder and its file system, or choose another folder with --state-dir",
    };
    let message = format!("cannot write to {}: {}", path.display(), reason(error));
    Error::new(Code::NotSaved, message, remedy).caused_by(io::Error::from(error.kind()))
}

/// Returns the operating system's message without the temporary name that `tempfile` adds.
pub(super) fn reason(error: &io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.source()) {
        Some(source) => source.to_string(),
        None => error.to_string(),
    }
}
