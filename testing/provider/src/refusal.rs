//! Errors of endpoints that answer a client (RFC 6749 §5.2).

use crate::answer::Answer;

/// An error, which each dialect formats in its own way.
pub(crate) struct Refusal {
    pub(crate) error: &'static str,
    pub(crate) description: String,
}

impl Refusal {
    pub(crate) fn new(error: &'static str, description: impl Into<String>) -> Self {
        Self { error, description: description.into() }
    }

    /// The error as RFC 6749 §5.2 has it.
    pub(crate) fn answer(&self) -> Answer {
        match self.error {
            "invalid_client" => {
                self.with_status(401).with("www-authenticate", "Basic realm=\"latchstring\"")
            }
            _ => self.with_status(400),
        }
    }

    /// The same document with another status.
    pub(crate) fn with_status(&self, status: u16) -> Answer {
        Answer::error(status, self.error, &self.description).not_stored()
    }
}

/// Returns a parameter that must be there.
pub(crate) fn required<'a>(value: Option<&'a str>, name: &str) -> Result<&'a str, Refusal> {
    value.ok_or_else(|| Refusal::new("invalid_request", format!("{name} is missing")))
}
