//! Requests of a client.

use url::form_urlencoded;

/// A request in the provider's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Method, in upper case.
    pub method: String,
    /// Path, without the query.
    pub path: String,
    /// Parameter names and values, decoded: those of the query, then those of the form.
    pub parameters: Vec<(String, String)>,
    /// The `Authorization` header as sent.
    pub authorization: Option<String>,
}

impl Seen {
    /// Returns the first value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let (_, value) = self.parameters.iter().find(|(known, _)| known == name)?;
        Some(value)
    }
}

/// A request to an endpoint.
pub struct Asked {
    /// Method, in upper case.
    pub method: String,
    /// Path, without the query.
    pub path: String,
    /// Header names in lower case, and values. Headers that are not text are omitted.
    pub headers: Vec<(String, String)>,
    /// Parameters of the query.
    pub query: Parameters,
    /// Parameters of the body. `None` if the body is not a form.
    pub form: Option<Parameters>,
    /// Body, as received.
    pub body: Vec<u8>,
}

impl Asked {
    pub(crate) fn seen(&self) -> Seen {
        let form = self.form.iter().flat_map(|form| &form.0);
        Seen {
            method: self.method.clone(),
            path: self.path.clone(),
            parameters: self.query.0.iter().chain(form).cloned().collect(),
            authorization: self.header("authorization").map(str::to_owned),
        }
    }

    /// Returns the first value of a header. `name` is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(known, _)| known == name)?;
        Some(value)
    }

    /// Returns the media type of the body without its parameters, in lower case (RFC 9110
    /// §8.3.1).
    pub fn media_type(&self) -> Option<String> {
        let media_type = self.header("content-type")?.split(';').next()?;
        Some(media_type.trim().to_ascii_lowercase())
    }

    /// Returns the bearer token or the basic credentials, as `scheme` says. Its case does
    /// not matter (RFC 9110 §11.4).
    pub fn credentials(&self, scheme: &str) -> Option<&str> {
        let (name, rest) = self.header("authorization")?.split_once(' ')?;
        name.eq_ignore_ascii_case(scheme).then(|| rest.trim())
    }
}

/// Decoded names and values of a query or a form.
#[derive(Debug, Clone, Default)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Parses `application/x-www-form-urlencoded`. Every text is valid.
    pub fn parse(encoded: &[u8]) -> Self {
        Self(form_urlencoded::parse(encoded).into_owned().collect())
    }

    /// Returns the first value of a parameter that is not empty. An empty value counts as
    /// omitted (RFC 6749 §3.1).
    pub fn one(&self, name: &str) -> Option<&str> {
        self.all(name).find(|value| !value.is_empty())
    }

    /// Returns all values of a parameter, in the order sent.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let named = self.0.iter().filter(move |(known, _)| known == name);
        named.map(|(_, value)| value.as_str())
    }

    /// Whether a parameter other than `resource` repeats. RFC 6749 §3.1 and §3.2 forbid
    /// it, and RFC 8707 §2 allows it only for `resource`.
    pub fn repeats(&self) -> bool {
        self.0.iter().any(|(name, _)| name != "resource" && self.all(name).count() > 1)
    }

    /// Returns all names, in the order sent.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// Encodes the parameters again.
    pub fn encode(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }
}
