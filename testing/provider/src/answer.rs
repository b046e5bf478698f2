//! What the provider sends back.

use serde_json::Value;

/// One HTTP response, as a value that a [`Fault`](crate::Fault) can rewrite.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status code.
    pub status: u16,
    /// Name and value, in the order sent.
    pub headers: Vec<(String, String)>,
    /// What follows the headers, if anything does.
    pub body: Body,
}

/// What follows the headers of an [`Answer`].
#[derive(Debug, Clone)]
pub enum Body {
    /// These bytes.
    Bytes(Vec<u8>),
    /// So many spaces, streamed without a length: no error to a JSON reader
    /// until the last of them.
    Flood(u64),
    /// Nothing, not even headers: the connection closes.
    HangUp,
    /// Nothing, not even headers: the connection stays open.
    Silence,
}

impl Answer {
    /// A response with a content type and a body.
    pub fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("content-type".into(), content_type.into())],
            body: Body::Bytes(body.into()),
        }
    }

    /// A JSON document.
    pub fn json(status: u16, document: &Value) -> Self {
        Self::new(status, "application/json", document.to_string())
    }

    /// An error as RFC 6749 §5.2 spells it.
    pub fn error(status: u16, error: &str, description: &str) -> Self {
        let document = serde_json::json!({ "error": error, "error_description": description });
        Self::json(status, &document)
    }

    /// To another URL, by GET (RFC 9110 §15.4.4).
    pub fn redirect(location: &str) -> Self {
        Self {
            status: 303,
            headers: vec![("location".into(), location.into())],
            body: Body::Bytes(Vec::new()),
        }
    }

    /// The same answer with one header more.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The same answer, not to be kept by any cache (RFC 6749 §5.1).
    pub fn not_stored(self) -> Self {
        self.with("cache-control", "no-store")
    }
}
