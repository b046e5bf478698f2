//! Transcripts: what a host and the component exchanged, step by step, without secrets.
//!
//! ```text
//! Recorder -> redaction -> Transcript -> file -> Transcript -> replay
//! ```

mod document;
#[cfg(not(target_os = "wasi"))]
mod recorded;
#[cfg(not(target_os = "wasi"))]
mod redaction;
mod replay;
#[cfg(not(target_os = "wasi"))]
mod stage;
mod summary;
#[cfg(not(target_os = "wasi"))]
mod values;
#[cfg(target_os = "wasi")]
mod wasi;

use serde_json::Value;

pub use replay::{Replay, ReplayedStep};

use document::unusable;
use stage::Answer;
#[cfg(target_os = "wasi")]
use wasi::stage;

/// One session as the component saw it: how it was opened, each reply of the host with its
/// time, and each answer of the component.
///
/// A transcript made from a `Recorder` has no secrets and no personal data: tokens,
/// codes, claims and everything else that is not known to be public are replaced by
/// placeholders, the same one for the same value. Issuer, client ID, scopes, addresses and
/// times are kept.
pub struct Transcript {
    component: String,
    function: String,
    parameters: Value,
    /// The failure if the session could not be opened.
    failure: Option<Value>,
    steps: Vec<Step>,
    note: Option<String>,
}

struct Step {
    reply: Value,
    now_ms: u64,
    answer: Answer,
}

impl Transcript {
    /// Returns why the transcript is incomplete, or `None` if it is complete.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }
}

/// Returns the SHA-256 hash of the embedded component in hexadecimal.
#[cfg(not(target_os = "wasi"))]
fn component_hash() -> String {
    use sha2::{Digest as _, Sha256};

    let hash = Sha256::digest(crate::sandbox::COMPONENT);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(target_os = "wasi")]
fn component_hash() -> String {
    crate::sandbox::SHA256.unwrap_or_default().to_owned()
}
