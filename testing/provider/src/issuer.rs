//! Issuer identifiers (RFC 8414 §2).

use crate::options::Options;

/// How a dialect names its issuer.
pub(crate) struct IssuerRule {
    /// The scheme, which need not be that of the connection.
    pub(crate) scheme: &'static str,
    /// The path, without a final slash. `{project_id}` and `{tenant}` are the options of
    /// that name.
    pub(crate) path: &'static str,
    /// Whether every other path that is not empty is an issuer too.
    pub(crate) any_path: bool,
}

/// An issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Issuer {
    /// Scheme, host and port of its endpoints.
    pub(crate) origin: String,
    pub(crate) path: String,
}

impl Issuer {
    /// The issuer of a provider that listens at `http://{host}`.
    pub(crate) fn new(rule: &IssuerRule, host: &str, options: &Options) -> Self {
        let path = rule.path.replace("{project_id}", &options.project_id);
        let path = path.replace("{tenant}", &options.tenant);
        Self { origin: format!("{}://{host}", rule.scheme), path }
    }

    /// The issuer identifier.
    pub(crate) fn url(&self) -> String {
        format!("{}{}", self.origin, self.path)
    }

    /// The path of an endpoint: `pattern` with this issuer's path for `{issuer}`.
    pub(crate) fn path_of(&self, pattern: &str) -> String {
        pattern.replace("{issuer}", &self.path)
    }

    /// Returns the issuer whose endpoint `pattern` is at `path`, if any.
    pub(crate) fn of_request(&self, any_path: bool, pattern: &str, path: &str) -> Option<Self> {
        if self.path_of(pattern) == path {
            return Some(self.clone());
        }
        let own = path.strip_suffix(pattern.strip_prefix("{issuer}")?)?;
        (any_path && !own.is_empty()).then(|| Self { path: own.to_owned(), ..self.clone() })
    }
}
