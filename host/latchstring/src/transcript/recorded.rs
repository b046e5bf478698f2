//! Transcripts made from a recording, and written.

use serde_json::Value;

use super::document::FORMAT;
use super::stage::Stage;
use super::values::Ordered;
use super::{Transcript, redaction};
use crate::error::Error;
use crate::sandbox::Recorder;
use latchstring_core::contract::PACKAGE;

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
            ("contract".to_owned(), leaf(PACKAGE.into())),
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
}
