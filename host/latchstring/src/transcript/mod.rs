//! Transcripts: what a host and the component exchanged, step by step, without secrets.
//!
//! ```text
//! Recorder -> redaction -> Transcript -> file -> Transcript -> replay
//! ```

mod document;
mod redaction;
mod replay;
mod stage;
mod summary;
mod values;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

pub use replay::{Replay, ReplayedStep};

use crate::error::Error;
use crate::recording::Recorder;
use crate::sandbox::COMPONENT;
use document::{CONTRACT, FORMAT, unusable};
use stage::{Answer, Stage};
use values::Ordered;

/// One session as the component saw it: how it was opened, each reply of the host with its
/// time, and each answer of the component.
///
/// A transcript made from a [`Recorder`] has no secrets and no personal data: tokens,
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
    /// Returns the last recorded session without its secrets, or `None` if there is none.
    ///
    /// # Errors
    ///
    /// Returns `host-fault` if the session cannot be shown without its secrets.
    pub fn of(recorder: &Recorder) -> Result<Option<Self>, Error> {
        recorder.recording().as_ref().map(redaction::redact).transpose()
    }

    /// Returns the transcript as an indented JSON document.
    ///
    /// # Errors
    ///
    /// Fails if the transcript does not fit the contract.
    pub fn to_json(&self) -> Result<String, Error> {
        let mut stage = Stage::new()?;
        let leaf = |value: Value| Ordered::Leaf(value);
        let opened = stage.parameters(&self.function, &self.parameters)?;
        let mut members = vec![
            ("transcript".to_owned(), leaf(FORMAT.into())),
            ("contract".to_owned(), leaf(CONTRACT.into())),
            ("component".to_owned(), leaf(self.component.as_str().into())),
        ];
        members
            .extend(self.note.iter().map(|note| ("note".to_owned(), leaf(note.as_str().into()))));
        members.push(("open".to_owned(), Ordered::object([(self.function.as_str(), opened)])));
        if let Some(failure) = &self.failure {
            let failure = stage.answer(&Err(failure.clone()))?;
            members.push(("failure".to_owned(), failure));
        }
        let steps = self.steps.iter().map(|step| {
            let name = if step.answer.is_ok() { "action" } else { "failure" };
            Ok(Ordered::object([
                ("reply", stage.reply(&step.reply)?),
                ("now-ms", leaf(step.now_ms.into())),
                (name, stage.answer(&step.answer)?),
            ]))
        });
        let steps = steps.collect::<Result<_, Error>>()?;
        members.push(("steps".to_owned(), Ordered::List(steps)));
        // OK because every member is JSON already.
        let text = serde_json::to_string_pretty(&Ordered::Object(members));
        Ok(text.expect("a transcript is always JSON") + "\n")
    }

    /// Returns why the transcript is incomplete, or `None` if it is complete.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }
}

/// Returns the SHA-256 hash of the embedded component in hexadecimal.
fn component_hash() -> String {
    Sha256::digest(COMPONENT).iter().map(|byte| format!("{byte:02x}")).collect()
}
