//! Responses of the provider.

use serde_json::Value;

/// One HTTP response, as a value that a [`Fault`](crate::Fault) can rewrite.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status code.
    pub status: u16,
    /// Names and values, in the order sent.
    pub headers: Vec<(String, String)>,
    /// The body, or what replaces it.
    pub body: Body,
}

/// The body of an [`Answer`].
#[derive(Debug, Clone)]
pub enum Body {
    /// These bytes.
    Bytes(Vec<u8>),
    /// This many spaces, streamed without a length. A JSON parser finds no error before
    /// the last one.
    Flood(u64),
    /// Nothing, not even headers. The connection closes.
    HangUp,
    /// Nothing, not even headers. The connection stays open.
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

    /// A response with a JSON document.
    pub fn json(status: u16, document: &Value) -> Self {
        Self::new(status, "application/json", document.to_string())
    }

    /// An error response (RFC 6749 §5.2).
    pub fn error(status: u16, error: &str, description: &str) -> Self {
        let document = serde_json::json!({ "error": error, "error_description": description });
        Self::json(status, &document)
    }

    /// A redirect to another URL, to be followed with GET (RFC 9110 §15.4.4).
    pub fn redirect(location: &str) -> Self {
        Self {
            status: 303,
            headers: vec![("location".into(), location.into())],
            body: Body::Bytes(Vec::new()),
        }
    }

    /// Adds a header.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Forbids caches to store the response (RFC 6749 §5.1).
    pub fn not_stored(self) -> Self {
        self.with("cache-control", "no-store")
    }
}
