//! Transcripts, and stepping the component through them. The document and the
//! comparison are the native host's own; the codec is for this host's types.

mod codec;
#[path = "../../../../../host/latchstring/src/transcript/document.rs"]
mod document;
#[path = "../../../../../host/latchstring/src/transcript/replay.rs"]
mod replay;
mod stage;
#[path = "../../../../../host/latchstring/src/transcript/summary.rs"]
mod summary;

use serde_json::Value;

pub use replay::{Replay, ReplayedStep};

use document::unusable;
use stage::Answer;

/// One session, as the component saw it.
pub struct Transcript {
    component: String,
    function: String,
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
    /// Why it is not whole, where it is not.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }
}

/// The SHA-256 of the component that this driver was composed with.
fn component_hash() -> &'static str {
    option_env!("LATCHSTRING_FLOW_SHA256").unwrap_or_default()
}
