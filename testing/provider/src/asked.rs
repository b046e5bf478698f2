//! Requests of a client.

use serde_json::{Map, Value};
use url::form_urlencoded;

/// A request in the provider's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Method, in upper case.
    pub method: String,
    /// Path, without the query.
    pub path: String,
    /// Header names in lower case, and values, in the order sent.
    pub headers: Vec<(String, String)>,
    /// Parameter names and values, decoded: those of the query, then those of the form or
    /// of the JSON object.
    pub parameters: Vec<(String, String)>,
}

impl Seen {
    /// Returns the first value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        first(&self.parameters, name)
    }

    /// Returns the names of the parameters, in the order sent.
    pub fn names(&self) -> Vec<&str> {
        self.parameters.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// Returns the first value of a header. `name` is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        first(&self.headers, name)
    }
}

/// A request to an endpoint.
pub(crate) struct Asked {
    /// Method, in upper case.
    pub(crate) method: String,
    /// Path, without the query.
    pub(crate) path: String,
    /// Header names in lower case, and values. Headers that are not text are omitted.
    pub(crate) headers: Vec<(String, String)>,
    /// Parameters of the query.
    pub(crate) query: Parameters,
    /// Parameters of the body. `None` if the body is not a form.
    pub(crate) form: Option<Parameters>,
    /// Body, as received.
    pub(crate) body: Vec<u8>,
}

impl Asked {
    pub(crate) fn seen(&self) -> Seen {
        let form = self.form.iter().flat_map(|form| form.0.clone());
        let object = self.json_object().unwrap_or_default();
        let members = object.into_iter().map(|(name, value)| (name, text(value)));
        Seen {
            method: self.method.clone(),
            path: self.path.clone(),
            headers: self.headers.clone(),
            parameters: self.query.0.iter().cloned().chain(form).chain(members).collect(),
        }
    }

    /// Returns the first value of a header. `name` is in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        first(&self.headers, name)
    }

    /// Returns the media type of the body without its parameters, in lower case (RFC 9110
    /// §8.3.1).
    pub(crate) fn media_type(&self) -> Option<String> {
        let media_type = self.header("content-type")?.split(';').next()?;
        Some(media_type.trim().to_ascii_lowercase())
    }

    /// Returns the bearer token or the basic credentials, as `scheme` says. Its case does
    /// not matter (RFC 9110 §11.4).
    pub(crate) fn credentials(&self, scheme: &str) -> Option<&str> {
        let (name, rest) = self.header("authorization")?.split_once(' ')?;
        name.eq_ignore_ascii_case(scheme).then(|| rest.trim())
    }

    /// Returns a field of the form that is not empty.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.form.as_ref()?.one(name)
    }

    /// Returns the JSON object in the body, if the content type is JSON.
    pub(crate) fn json_object(&self) -> Option<Map<String, Value>> {
        if self.media_type().as_deref() != Some("application/json") {
            return None;
        }
        serde_json::from_slice(&self.body).ok()
    }
}

/// Decoded names and values of a query, a form or a JSON object.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Parses `application/x-www-form-urlencoded`. Every text is valid.
    pub(crate) fn parse(encoded: &[u8]) -> Self {
        Self(form_urlencoded::parse(encoded).into_owned().collect())
    }

    /// The members of a JSON object that are strings.
    pub(crate) fn of_object(object: Map<String, Value>) -> Self {
        let texts = object.into_iter().filter(|(_, value)| value.is_string());
        Self(texts.map(|(name, value)| (name, text(value))).collect())
    }

    /// Returns the first value of a parameter that is not empty. An empty value counts as
    /// omitted (RFC 6749 §3.1).
    pub(crate) fn one(&self, name: &str) -> Option<&str> {
        self.all(name).find(|value| !value.is_empty())
    }

    /// Returns all values of a parameter, in the order sent.
    pub(crate) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let named = self.0.iter().filter(move |(known, _)| known == name);
        named.map(|(_, value)| value.as_str())
    }

    /// Whether a parameter other than `resource` repeats. RFC 6749 §3.1 and §3.2 forbid
    /// it, and RFC 8707 §2 allows it only for `resource`.
    pub(crate) fn repeats(&self) -> bool {
        self.0.iter().any(|(name, _)| name != "resource" && self.all(name).count() > 1)
    }

    /// Encodes the parameters again.
    pub(crate) fn encode(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }
}

fn first<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let (_, value) = pairs.iter().find(|(known, _)| known == name)?;
    Some(value)
}

/// A string as it is, any other value as JSON.
fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}
