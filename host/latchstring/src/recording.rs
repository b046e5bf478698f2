//! Recordings of what passed between the host and the component in one session. They
//! contain secrets, are kept in memory, and are wiped when dropped.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::contract::{Action, Failure, Reply};

/// Records what passes between the host and the component, for a
/// [`Transcript`](crate::Transcript). Clones share the recording.
///
/// A new session replaces the recording of the one before. The recording contains secrets.
///
/// ```no_run
/// use latchstring::{Latch, Recorder, Transcript};
///
/// # async fn run() -> Result<(), latchstring::Error> {
/// let recorder = Recorder::new();
/// let latch = Latch::builder("https://id.example.com", "my-cli")
///     .record(recorder.clone())
///     .build()?;
/// if latch.login().await.is_err()
///     && let Some(transcript) = Transcript::of(&recorder)?
/// {
///     println!("for a report: {}", transcript.to_json()?);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Recorder(Arc<Mutex<Option<Recording>>>);

/// One recorded session. The texts are JSON as serde writes it.
#[derive(Serialize, Deserialize)]
pub(crate) struct Recording {
    /// The contract's function that opened the session.
    pub(crate) function: String,
    /// The function's parameters as an array.
    pub(crate) parameters: Zeroizing<Vec<u8>>,
    /// The failure if the session could not be opened.
    pub(crate) failure: Option<Zeroizing<Vec<u8>>>,
    pub(crate) steps: Vec<RecordedStep>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct RecordedStep {
    pub(crate) reply: Zeroizing<Vec<u8>>,
    pub(crate) now_ms: u64,
    /// An action, or a failure.
    pub(crate) answer: Result<Zeroizing<Vec<u8>>, Zeroizing<Vec<u8>>>,
}

impl Recorder {
    /// Creates a recorder without a recording.
    pub fn new() -> Self {
        Self::default()
    }

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

    pub(crate) fn stepped(&self, reply: &Reply, now_ms: u64, answer: &Result<Action, Failure>) {
        let answer = answer.as_ref().map(json).map_err(json);
        if let Some(recording) = &mut *self.recording() {
            recording.steps.push(RecordedStep { reply: json(reply), now_ms, answer });
        }
    }

    /// Sets the session that another process has recorded.
    pub(crate) fn replace(&self, recording: Recording) {
        *self.recording() = Some(recording);
    }

    /// Returns the recorded session, to send it to another process.
    pub(crate) fn take(&self) -> Option<Recording> {
        self.recording().take()
    }

    pub(crate) fn recording(&self) -> MutexGuard<'_, Option<Recording>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn json(value: &impl Serialize) -> Zeroizing<Vec<u8>> {
    // OK because the contract has no map and no number that JSON lacks.
    Zeroizing::new(serde_json::to_vec(value).expect("a value of the contract is always JSON"))
}
