//! Parses transcripts.

use serde_json::Value;

use super::{Step, Transcript};
use crate::error::{Code, Error};
use latchstring_core::contract::PACKAGE;

/// Version of the document. Incremented when an older reader would misunderstand a newer
/// document.
pub(super) const FORMAT: u64 = 1;

/// The functions of the contract that open a session.
const OPENINGS: [&str; 4] = ["login", "token", "logout", "adopt"];

/// Largest file that is read, in bytes. A session has few responses, and each is no larger
/// than the component reads.
const LONGEST: usize = 16 << 20;

impl Transcript {
    /// Parses a transcript.
    ///
    /// # Errors
    ///
    /// Returns `invalid-configuration` if the bytes are no transcript, were written by a
    /// newer version, or do not fit the contract.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > LONGEST {
            return Err(unusable(&format!("it is longer than {} MiB", LONGEST >> 20)));
        }
        let document: Value = serde_json::from_slice(bytes)
            .map_err(|error| unusable(&format!("it is not the JSON of a recording: {error}")))?;
        match document["transcript"].as_u64() {
            Some(FORMAT) => {}
            Some(format) if format > FORMAT => {
                return Err(Error::new(
                    Code::InvalidConfiguration,
                    format!("the recording has format {format}; this version reads {FORMAT}"),
                    "use the newer version that wrote it",
                ));
            }
            _ => return Err(unusable("it has no format number `transcript`")),
        }
        if document["contract"] != PACKAGE {
            return Err(unusable(&format!("it was made for another contract; expected {PACKAGE}")));
        }
        let opened = document["open"].as_object().filter(|open| open.len() == 1);
        let opened = opened.and_then(|open| open.iter().next());
        let (name, parameters) = opened.ok_or_else(|| unusable("it does not say what it opens"))?;
        let function = OPENINGS.into_iter().find(|function| function == name);
        let steps = document["steps"].as_array().ok_or_else(|| unusable("it has no steps"))?;
        Ok(Self {
            component: document["component"].as_str().unwrap_or_default().to_owned(),
            function: function
                .ok_or_else(|| unusable("it opens something that is not in the contract"))?
                .to_owned(),
            parameters: parameters.clone(),
            failure: document.get("failure").cloned(),
            steps: steps.iter().map(Step::parse).collect::<Result<_, _>>()?,
            note: document["note"].as_str().map(str::to_owned),
        })
    }
}

impl Step {
    fn parse(json: &Value) -> Result<Self, Error> {
        let answer = match (json.get("action"), json.get("failure")) {
            (Some(action), None) => Ok(action.clone()),
            (None, Some(failure)) => Err(failure.clone()),
            _ => return Err(unusable("a step needs either an action or a failure")),
        };
        let now_ms = json["now-ms"].as_u64();
        Ok(Self {
            reply: json["reply"].clone(),
            now_ms: now_ms.ok_or_else(|| unusable("a step has no time `now-ms`"))?,
            answer,
        })
    }
}

pub(super) fn unusable(reason: &str) -> Error {
    Error::new(
        Code::InvalidConfiguration,
        format!("the recording cannot be used: {reason}"),
        "use a file exactly as `latch --record` wrote it",
    )
}
