//! Runs the embedded component through a transcript, at the transcript's times.

use serde_json::Value;

use super::stage::{Answer, Stage};
use super::{Transcript, component_hash, summary};
use crate::error::Error;

/// The result of a replay.
pub struct Replay {
    /// The steps that were taken.
    pub steps: Vec<ReplayedStep>,
    /// The first answer of the component that differs from the recorded one, with both, or
    /// `None` if all are as recorded.
    pub difference: Option<String>,
    /// Whether the recording was made with the same component.
    pub same_component: bool,
}

/// One step in words.
pub struct ReplayedStep {
    /// When the reply came, in milliseconds since 1970-01-01T00:00:00Z.
    pub now_ms: u64,
    /// The host's reply, such as `response 200`.
    pub reply: String,
    /// The component's answer, such as `exchange token: POST https://id.example/token`.
    pub answer: String,
    /// Whether the answer is as recorded.
    pub is_as_recorded: bool,
}

impl Transcript {
    /// Runs the embedded component through the transcript, without clock, network and
    /// store.
    ///
    /// # Errors
    ///
    /// Fails if the transcript does not fit the contract or the component is stopped.
    pub fn replay(&self) -> Result<Replay, Error> {
        let mut stage = Stage::new()?;
        let failure = stage.open(&self.function, &self.parameters)?;
        let mut replay = Replay {
            steps: Vec::new(),
            difference: None,
            same_component: self.component == component_hash(),
        };
        if failure != self.failure {
            let null = Value::Null;
            replay.difference = Some(difference(
                &format!("opening the session for {}", self.function),
                self.failure.as_ref().unwrap_or(&null),
                failure.as_ref().unwrap_or(&null),
            ));
            return Ok(replay);
        }
        for (position, step) in self.steps.iter().enumerate() {
            let answer = stage.next(&step.reply, step.now_ms)?;
            let is_as_recorded = answer == step.answer;
            replay.steps.push(ReplayedStep {
                now_ms: step.now_ms,
                reply: summary::reply(&step.reply),
                answer: summary::answer(&answer),
                is_as_recorded,
            });
            if !is_as_recorded {
                let place = format!("step {}", position + 1);
                replay.difference = Some(answer_difference(&place, &step.answer, &answer));
                break;
            }
        }
        Ok(replay)
    }

    /// Returns what was asked for (`login`, `token`, `logout` or `adopt`) and the provider.
    pub fn title(&self) -> String {
        summary::opening(&self.function, &self.parameters)
    }

    /// Returns the failure with which the session could not begin, in words, or `None` if
    /// it began.
    pub fn opening_failure(&self) -> Option<String> {
        self.failure.as_ref().map(summary::failure)
    }
}

fn answer_difference(place: &str, recorded: &Answer, found: &Answer) -> String {
    match (recorded, found) {
        (Ok(recorded), Ok(found)) | (Err(recorded), Err(found)) => {
            difference(place, recorded, found)
        }
        _ => format!(
            "{place}: recorded {}, found {}",
            summary::answer(recorded),
            summary::answer(found)
        ),
    }
}

/// Describes the first difference between two values.
fn difference(place: &str, recorded: &Value, found: &Value) -> String {
    match (recorded, found) {
        (Value::Object(one), Value::Object(other)) => {
            let names = one.keys().chain(other.keys());
            for name in names {
                let (one, other) = (one.get(name), other.get(name));
                if one != other {
                    let null = Value::Null;
                    let place = format!("{place}, {name}");
                    return difference(&place, one.unwrap_or(&null), other.unwrap_or(&null));
                }
            }
            format!("{place}: no difference")
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            let pairs = one.iter().zip(other).enumerate();
            let mut differing = pairs.filter(|(_, (one, other))| one != other);
            match differing.next() {
                Some((position, (one, other))) => {
                    difference(&format!("{place}, {position}"), one, other)
                }
                None => format!("{place}: no difference"),
            }
        }
        _ => format!("{place}: recorded {}, found {}", shortened(recorded), shortened(found)),
    }
}

fn shortened(value: &Value) -> String {
    const SHOWN: usize = 120;
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
