//! Transcripts: what a host and the component said to each other, step by step,
//! without what is secret.
//!
//! ```text
//! Recorder -> redaction -> Transcript -> file -> Transcript -> replay
//! ```

mod redaction;
mod replay;
mod stage;
mod summary;
mod values;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

pub use replay::{Replay, ReplayedStep};

use crate::error::{Code, Error};
use crate::recording::Recorder;
use crate::sandbox::COMPONENT;
use stage::{Answer, Stage};
use values::Ordered;

/// Raised whenever an older reader would misunderstand a newer document.
const FORMAT: u64 = 1;

const CONTRACT: &str = "latchstring:login@0.1.0";

/// The functions of the contract that open a session.
const OPENINGS: [&str; 4] = ["login", "token", "logout", "adopt"];

/// The longest file that is read, in bytes: a session's answers are no longer than
/// the component reads, and few.
const LONGEST: usize = 16 << 20;

/// One session, as the component saw it: how it was opened, each reply of the host
/// and the time it came, and what the component answered.
///
/// Made of a [`Recorder`], it holds no secret and nobody's name: tokens, codes,
/// claims and whatever else is not known to be public are placeholders, the same
/// one wherever the same value stood. Issuer, client id, scopes, addresses and
/// times are as they were.
pub struct Transcript {
    component: String,
    function: &'static str,
    parameters: Value,
    /// Where the session could not be opened.
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
    /// The last session that was recorded, redacted; none where there was none.
    ///
    /// Fails where it cannot be told without what is secret.
    pub fn of(recorder: &Recorder) -> Result<Option<Self>, Error> {
        recorder.recording().as_ref().map(redaction::redact).transpose()
    }

    /// Reads a transcript. Fails with `invalid-configuration` where it is none, was
    /// written by a newer version, or does not fit the contract.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > LONGEST {
            return Err(unusable(&format!("it is longer than {} MiB", LONGEST >> 20)));
        }
        let document: Value = serde_json::from_slice(bytes)
            .map_err(|error| unusable(&format!("it is not the JSON of a transcript: {error}")))?;
        match document["transcript"].as_u64() {
            Some(FORMAT) => {}
            Some(format) if format > FORMAT => {
                return Err(Error::new(
                    Code::InvalidConfiguration,
                    format!("the transcript has format {format}; this version reads {FORMAT}"),
                    "use the newer version that wrote it",
                ));
            }
            _ => return Err(unusable("it has no format number `transcript`")),
        }
        if document["contract"] != CONTRACT {
            return Err(unusable(&format!("it is of another contract; expected {CONTRACT}")));
        }
        let opened = document["open"].as_object().filter(|open| open.len() == 1);
        let opened = opened.and_then(|open| open.iter().next());
        let (name, parameters) = opened.ok_or_else(|| unusable("it does not say what it opens"))?;
        let function = OPENINGS.into_iter().find(|function| function == name);
        let steps = document["steps"].as_array().ok_or_else(|| unusable("it has no steps"))?;
        Ok(Self {
            component: document["component"].as_str().unwrap_or_default().to_owned(),
            function: function.ok_or_else(|| unusable("it opens what the contract has not"))?,
            parameters: parameters.clone(),
            failure: document.get("failure").cloned(),
            steps: steps.iter().map(Step::parse).collect::<Result<_, _>>()?,
            note: document["note"].as_str().map(str::to_owned),
        })
    }

    /// The transcript as a JSON document of several lines.
    pub fn to_json(&self) -> Result<String, Error> {
        let mut stage = Stage::new()?;
        let leaf = |value: Value| Ordered::Leaf(value);
        let opened = stage.parameters(self.function, &self.parameters)?;
        let mut members = vec![
            ("transcript".to_owned(), leaf(FORMAT.into())),
            ("contract".to_owned(), leaf(CONTRACT.into())),
            ("component".to_owned(), leaf(self.component.as_str().into())),
        ];
        members
            .extend(self.note.iter().map(|note| ("note".to_owned(), leaf(note.as_str().into()))));
        members.push(("open".to_owned(), Ordered::object([(self.function, opened)])));
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

    /// Why it is not whole, where it is not.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }
}

impl Step {
    fn parse(json: &Value) -> Result<Self, Error> {
        let answer = match (json.get("action"), json.get("failure")) {
            (Some(action), None) => Ok(action.clone()),
            (None, Some(failure)) => Err(failure.clone()),
            _ => return Err(unusable("a step has neither an action nor a failure, or both")),
        };
        let now_ms = json["now-ms"].as_u64();
        Ok(Self {
            reply: json["reply"].clone(),
            now_ms: now_ms.ok_or_else(|| unusable("a step has no time `now-ms`"))?,
            answer,
        })
    }
}

/// The SHA-256 of the embedded component, in hexadecimal.
fn component_hash() -> String {
    Sha256::digest(COMPONENT).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unusable(reason: &str) -> Error {
    Error::new(
        Code::InvalidConfiguration,
        format!("the transcript cannot be used: {reason}"),
        "take a file that `latch --record` wrote, whole and unchanged",
    )
}
