//! What a client asked.

use url::form_urlencoded;

/// A request the provider has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// In capitals.
    pub method: String,
    /// Without the query.
    pub path: String,
    /// Name and value, decoded: the query's, then the form's.
    pub parameters: Vec<(String, String)>,
    /// The `Authorization` header as sent.
    pub authorization: Option<String>,
}

impl Seen {
    /// The first value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let (_, value) = self.parameters.iter().find(|(known, _)| known == name)?;
        Some(value)
    }
}

/// A request on its way to an endpoint.
pub struct Asked {
    /// In capitals.
    pub method: String,
    /// Without the query.
    pub path: String,
    /// Names in small letters, and values; those that are not text are left out.
    pub headers: Vec<(String, String)>,
    /// What followed the question mark.
    pub query: Parameters,
    /// None where the body is not a form.
    pub form: Option<Parameters>,
    /// As received.
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

    /// The first value of a header, named in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(known, _)| known == name)?;
        Some(value)
    }

    /// The body's type without its parameters, in small letters (RFC 9110 §8.3.1).
    pub fn media_type(&self) -> Option<String> {
        let media_type = self.header("content-type")?.split(';').next()?;
        Some(media_type.trim().to_ascii_lowercase())
    }

    /// The bearer token or basic credentials, whichever `scheme` names
    /// (RFC 9110 §11.4: the scheme is case-insensitive).
    pub fn credentials(&self, scheme: &str) -> Option<&str> {
        let (name, rest) = self.header("authorization")?.split_once(' ')?;
        name.eq_ignore_ascii_case(scheme).then(|| rest.trim())
    }
}

/// Decoded names and values of a query or a form.
#[derive(Debug, Clone, Default)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads `application/x-www-form-urlencoded`, which no text fails to be.
    pub fn parse(encoded: &[u8]) -> Self {
        Self(form_urlencoded::parse(encoded).into_owned().collect())
    }

    /// A parameter without a value counts as left out (RFC 6749 §3.1).
    pub fn one(&self, name: &str) -> Option<&str> {
        self.all(name).find(|value| !value.is_empty())
    }

    /// Every value of a parameter, in the order sent.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let named = self.0.iter().filter(move |(known, _)| known == name);
        named.map(|(_, value)| value.as_str())
    }

    /// Whether a parameter other than `resource` comes twice, which RFC 6749
    /// §3.1 and §3.2 forbid and RFC 8707 §2 allows for `resource` alone.
    pub fn repeats(&self) -> bool {
        self.0.iter().any(|(name, _)| name != "resource" && self.all(name).count() > 1)
    }

    /// Every name, in the order sent.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// The same parameters as text again.
    pub fn encode(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }
}
