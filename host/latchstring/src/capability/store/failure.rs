//! Errors of the stores that use a folder.

use std::io::{self, ErrorKind};
use std::path::Path;

use crate::error::{Code, Error};

pub(super) fn unusable(message: String, remedy: &str) -> Error {
    Error::new(Code::StoreUnusable, message, remedy)
}

pub(super) fn cannot(what: &str, path: &Path, error: &io::Error) -> Error {
    let remedy = match error.kind() {
        ErrorKind::PermissionDenied => "check the owner and permissions of the folders above it",
        ErrorKind::ReadOnlyFilesystem => "choose a writable folder",
        ErrorKind::Unsupported => "choose a folder on a local file system",
        _ => "check the folder and its file system, or choose another folder",
    };
    let message = format!("cannot {what} {}: {}", path.display(), reason(error));
    unusable(message, remedy).caused_by(io::Error::from(error.kind()))
}

pub(super) fn not_saved(path: &Path, error: &io::Error) -> Error {
    let remedy = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some space and try again",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "make the folder writable, or choose another folder"
        }
        _ => "check the folder and its file system, or choose another folder",
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
