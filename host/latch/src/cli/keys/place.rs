//! Where a key is, as a setting says it.

use std::ffi::OsString;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::cli::settings::absolute;

/// A file, or the name of a key in a place that it never leaves.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "PathBuf", into = "PathBuf")]
pub(crate) enum KeyPlace {
    File(PathBuf),
    /// The URI of a key in a token (RFC 7512).
    Pkcs11(String),
    /// `ssh-agent:` and a fingerprint or a comment.
    Agent(String),
}

impl KeyPlace {
    /// Makes a path absolute, because a remembered one must mean the same in every folder.
    pub(crate) fn absolute(self) -> Self {
        match self {
            Self::File(path) => Self::File(absolute(&path)),
            named => named,
        }
    }
}

impl From<PathBuf> for KeyPlace {
    fn from(path: PathBuf) -> Self {
        match path.to_str() {
            Some(uri) if uri.starts_with("pkcs11:") => Self::Pkcs11(uri.to_owned()),
            Some(name) if name.starts_with("ssh-agent:") => Self::Agent(name.to_owned()),
            _ => Self::File(path),
        }
    }
}

/// What a flag or a variable says.
impl From<OsString> for KeyPlace {
    fn from(text: OsString) -> Self {
        PathBuf::from(text).into()
    }
}

impl From<KeyPlace> for PathBuf {
    fn from(place: KeyPlace) -> Self {
        match place {
            KeyPlace::File(path) => path,
            KeyPlace::Pkcs11(name) | KeyPlace::Agent(name) => name.into(),
        }
    }
}
