//! A stored session as it lies in its file: a line of the host's, then the
//! component's JSON.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// A stored session that a test reads and changes.
pub struct Session {
    path: PathBuf,
    /// The host's line.
    pub header: Value,
    /// The component's document.
    pub inner: Value,
}

impl Session {
    /// Reads the file of a session.
    pub fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).expect("a session file");
        let (header, inner) = text.split_once('\n').expect("two parts");
        let json = |text| serde_json::from_str(text).expect("JSON");
        Self { path: path.to_owned(), header: json(header), inner: json(inner) }
    }

    /// As it is when this much time has passed.
    pub fn later(mut self, seconds: u64) -> Self {
        age(&mut self.inner, seconds);
        let others = self.inner.get_mut("others").and_then(Value::as_array_mut);
        others.into_iter().flatten().for_each(|one| age(one, seconds));
        self
    }

    /// Writes what was changed, as the host would have.
    pub fn write(&self) {
        fs::write(&self.path, self.bytes()).expect("a session file");
    }

    /// The file that this session is written as.
    pub fn bytes(&self) -> Vec<u8> {
        let inner = self.inner.to_string();
        let mut header = self.header.clone();
        header["bytes"] = inner.len().into();
        format!("{header}\n{inner}").into_bytes()
    }

    /// Everything in it that must not be seen anywhere else.
    pub fn secrets(&self) -> Vec<String> {
        let secrets = ["access_token", "refresh_token", "id_token"];
        secrets.iter().filter_map(|name| self.inner[name].as_str()).map(str::to_owned).collect()
    }
}

/// Moves the times in a document back, as if it had been written that much earlier.
fn age(document: &mut Value, seconds: u64) {
    for time in ["logged_in_at_ms", "received_at_ms", "expires_at_ms"] {
        if let Some(time_ms) = document[time].as_u64() {
            document[time] = (time_ms - seconds * 1000).into();
        }
    }
}
