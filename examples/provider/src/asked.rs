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
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Parameters,
    /// None where the body is not a form.
    pub(crate) form: Option<Parameters>,
    pub(crate) authorization: Option<String>,
}

impl Asked {
    pub(crate) fn seen(&self) -> Seen {
        let form = self.form.iter().flat_map(|form| &form.0);
        Seen {
            method: self.method.clone(),
            path: self.path.clone(),
            parameters: self.query.0.iter().chain(form).cloned().collect(),
            authorization: self.authorization.clone(),
        }
    }

    /// The bearer token or basic credentials, whichever `scheme` names
    /// (RFC 9110 §11.4: the scheme is case-insensitive).
    pub(crate) fn credentials(&self, scheme: &str) -> Option<&str> {
        let (name, rest) = self.authorization.as_deref()?.split_once(' ')?;
        name.eq_ignore_ascii_case(scheme).then(|| rest.trim())
    }
}

/// Decoded names and values of a query or a form.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub(crate) fn parse(encoded: &[u8]) -> Self {
        Self(form_urlencoded::parse(encoded).into_owned().collect())
    }

    /// A parameter without a value counts as left out (RFC 6749 §3.1).
    pub(crate) fn one(&self, name: &str) -> Option<&str> {
        self.all(name).find(|value| !value.is_empty())
    }

    pub(crate) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let named = self.0.iter().filter(move |(known, _)| known == name);
        named.map(|(_, value)| value.as_str())
    }

    /// Whether a parameter other than `resource` comes twice, which RFC 6749
    /// §3.1 and §3.2 forbid and RFC 8707 §2 allows for `resource` alone.
    pub(crate) fn repeats(&self) -> bool {
        self.0.iter().any(|(name, _)| name != "resource" && self.all(name).count() > 1)
    }

    pub(crate) fn encode(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }
}
