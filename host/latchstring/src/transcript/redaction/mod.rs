//! Makes a transcript from a recording by removing its secrets.
//!
//! Everything that came from outside is filtered by a list of what may be kept, and the
//! component is run again with the result. The actions in the transcript are those of this
//! second run. Values that the component derives from the host's randomness differ between
//! the two runs; their placeholders are learnt by comparing the actions.
//!
//! ```text
//! recorded:  open, reply -> action, reply -> action ...
//!               |      |       |learn   |
//! redacted:  open, reply -> action, reply -> action ...
//! ```

#[cfg(test)]
mod fuzz;
mod keys;
mod names;
mod parts;
mod placeholders;
mod redactor;
mod signed;

use serde_json::Value;
use url::{Url, form_urlencoded};

use self::redactor::{Readers, Redactor};
use super::stage::{Answer, Stage};
use super::summary::case;
use super::{Step, Transcript, component_hash};
use crate::error::{Code, Error};
use crate::sandbox::{RecordedStep, Recording};

/// Parameters that the component derives from the host's randomness.
const DRAWN: [&str; 4] = ["state", "nonce", "code_challenge", "code_verifier"];

/// Returns the recording as a transcript without secrets.
pub(super) fn redact(recording: &Recording) -> Result<Transcript, Error> {
    let whole = run(recording, false)?;
    // Perhaps a signature did not verify. Then none may verify in the second run either.
    let transcript = match &whole.note {
        None => whole,
        Some(_) => {
            let broken = run(recording, true)?;
            if broken.steps.len() > whole.steps.len() { broken } else { whole }
        }
    };
    Ok(transcript)
}

fn run(recording: &Recording, are_broken: bool) -> Result<Transcript, Error> {
    let mut second = SecondRun::open(recording, are_broken)?;
    for step in &recording.steps {
        match second.step(step) {
            Ok(step) => second.transcript.steps.push(step),
            Err(reason) => {
                second.transcript.note = Some(reason);
                break;
            }
        }
    }
    if second.redactor.placeholders.is_in(&second.transcript.to_json()?) {
        return Err(not_redactable());
    }
    Ok(second.transcript)
}

/// The state of the second run.
struct SecondRun {
    redactor: Redactor,
    stage: Stage,
    transcript: Transcript,
    /// The last recorded action.
    last: Value,
}

impl SecondRun {
    fn open(recording: &Recording, are_broken: bool) -> Result<Self, Error> {
        let mut redactor = Redactor::default();
        redactor.signed.are_broken = are_broken;
        let mut stage = Stage::new()?;
        let recorded = stage.recorded_parameters(&recording.function, &recording.parameters);
        let mut parameters = recorded.map_err(|_| not_redactable())?;
        redactor.opening(&mut parameters);
        let failure = stage.open(&recording.function, &parameters)?;
        let recorded = match &recording.failure {
            Some(failure) => stage.recorded_answer(Err(failure))?.err(),
            None => None,
        };
        let code = |failure: &Value| failure["code"].clone();
        if recorded.as_ref().map(code) != failure.as_ref().map(code) {
            return Err(not_redactable());
        }
        let transcript = Transcript {
            component: component_hash(),
            function: recording.function.clone(),
            parameters,
            failure,
            steps: Vec::new(),
            note: None,
        };
        Ok(Self { redactor, stage, transcript, last: Value::Null })
    }

    /// Returns the step as it goes in the second run, or why it cannot be shown.
    fn step(&mut self, step: &RecordedStep) -> Result<Step, String> {
        let too_large = |_| "incomplete: the next step has a number above 2^53".to_owned();
        let reply = self.stage.recorded_reply(&step.reply).map_err(too_large)?;
        let answer = match &step.answer {
            Ok(action) => self.stage.recorded_answer(Ok(action)),
            Err(failure) => self.stage.recorded_answer(Err(failure)),
        };
        let answer = answer.map_err(too_large)?;
        self.redactor.readers = match self.last["exchange"]["purpose"].as_str() {
            Some("metadata" | "resource-metadata") => Readers::Public,
            _ => Readers::Restricted,
        };
        let reply = self.redactor.reply(&reply);
        let found = self.stage.next(&reply, step.now_ms);
        let found = found.map_err(|error| format!("incomplete: in the next step, {error}"))?;
        if !have_the_same_outcome(&answer, &found) {
            return Err(format!(
                "incomplete: the next step ended in {}, which cannot be shown without its secrets",
                outcome_name(&answer)
            ));
        }
        if let (Ok(recorded), Ok(found)) = (&answer, &found) {
            self.redactor.learn(recorded, found);
            self.last = recorded.clone();
        }
        Ok(Step { reply, now_ms: step.now_ms, answer: found })
    }
}

impl Redactor {
    /// Learns which values of the second run replace those that the component derived from
    /// the host's randomness.
    fn learn(&mut self, recorded: &Value, found: &Value) {
        for ((name, original), (_, placeholder)) in drawn(recorded).into_iter().zip(drawn(found)) {
            if DRAWN.contains(&name.as_str()) {
                self.placeholders.learn(&original, &placeholder);
            }
        }
    }
}

/// Returns the parameters of an authorization request, a form or a JSON body.
fn drawn(action: &Value) -> Vec<(String, String)> {
    let (_, payload) = case(action);
    let url = payload["url"].as_str().and_then(|url| Url::parse(url).ok());
    let query = url.map(|url| url.query_pairs().into_owned().collect::<Vec<_>>());
    let body = payload["request"]["body"]["text"].as_str().unwrap_or_default();
    let form = match serde_json::from_str(body) {
        Ok(Value::Object(members)) => {
            let texts = members.into_iter().filter_map(|(name, value)| match value {
                Value::String(text) => Some((name, text)),
                _ => None,
            });
            texts.collect()
        }
        _ => form_urlencoded::parse(body.as_bytes()).into_owned().collect::<Vec<_>>(),
    };
    query.unwrap_or_default().into_iter().chain(form).collect()
}

/// Returns whether two answers are the same in everything that decides how the session goes
/// on.
fn have_the_same_outcome(recorded: &Answer, found: &Answer) -> bool {
    match (recorded, found) {
        (Err(one), Err(other)) => {
            one["code"] == other["code"] && one["retryable"] == other["retryable"]
        }
        (Ok(one), Ok(other)) => {
            let ((name, one), (other_name, other)) = (case(one), case(other));
            let same = |member: &str| one[member] == other[member];
            name == other_name
                && match name {
                    "exchange" => {
                        same("purpose") && one["request"]["method"] == other["request"]["method"]
                    }
                    "authorize" => {
                        same("flow") && one["notice"].is_null() == other["notice"].is_null()
                    }
                    "save" | "save-registration" => one.is_null() == other.is_null(),
                    "done" => {
                        let ((name, one), (other_name, other)) = (case(one), case(other));
                        name == other_name && one["source"] == other["source"]
                    }
                    _ => true,
                }
        }
        _ => false,
    }
}

/// Returns the name of an action, or the code of a failure.
fn outcome_name(answer: &Answer) -> String {
    match answer {
        Ok(action) => format!("the action {}", case(action).0),
        Err(failure) => format!("the failure {}", failure["code"].as_str().unwrap_or_default()),
    }
}

fn not_redactable() -> Error {
    Error::new(
        Code::HostFault,
        "this session cannot be shown without its secrets; no recording was written",
        "report what you see with -v instead",
    )
}
