//! Recordings of what passed between the host and the component in one session. They
//! contain secrets, are kept in memory, and are wiped when dropped.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use latchstring_core::contract::{Action, Failure, Reply};

/// Records what passes between the host and the component. Clones share the recording.
///
/// A new session replaces the recording of the one before. The recording contains secrets.
#[derive(Clone, Default)]
pub struct Recorder(Arc<Mutex<Option<Recording>>>);

/// One recorded session. The texts are JSON as serde writes it.
#[derive(Serialize, Deserialize)]
pub struct Recording {
    /// The contract's function that opened the session.
    pub function: String,
    /// The function's parameters as an array.
    pub parameters: Zeroizing<Vec<u8>>,
    /// The failure if the session could not be opened.
    pub failure: Option<Zeroizing<Vec<u8>>>,
    /// The steps that followed.
    pub steps: Vec<RecordedStep>,
}

/// One call of `session.next`.
#[derive(Serialize, Deserialize)]
pub struct RecordedStep {
    /// The host's reply.
    pub reply: Zeroizing<Vec<u8>>,
    /// The host's time, in milliseconds since the Unix epoch.
    pub now_ms: u64,
    /// The component's answer: an action, or a failure.
    pub answer: Result<Zeroizing<Vec<u8>>, Zeroizing<Vec<u8>>>,
}

impl Recorder {
    /// Creates a recorder without a recording.
    pub fn new() -> Self {
        Self::default()
    }

    /// Records the opening of a session, which replaces the recording.
    pub(crate) fn opened(
        &self,
        function: &str,
        parameters: &impl Serialize,
        failure: Option<&Failure>,
    ) {
        *self.recording() = Some(Recording {
            function: function.to_owned(),
            parameters: json(parameters),
            failure: failure.map(json),
            steps: Vec::new(),
        });
    }

    /// Records a step.
    pub(crate) fn stepped(&self, reply: &Reply, now_ms: u64, answer: &Result<Action, Failure>) {
        let answer = answer.as_ref().map(json).map_err(json);
        if let Some(recording) = &mut *self.recording() {
            recording.steps.push(RecordedStep { reply: json(reply), now_ms, answer });
        }
    }

    /// Sets the session that another process has recorded.
    pub fn replace(&self, recording: Recording) {
        *self.recording() = Some(recording);
    }

    /// Returns the recorded session, to send it to another process.
    pub fn take(&self) -> Option<Recording> {
        self.recording().take()
    }

    /// Returns the recorded session.
    pub fn recording(&self) -> MutexGuard<'_, Option<Recording>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn json(value: &impl Serialize) -> Zeroizing<Vec<u8>> {
    // OK because the contract has no map and no number that JSON lacks.
    Zeroizing::new(serde_json::to_vec(value).expect("a value of the contract is always JSON"))
}
