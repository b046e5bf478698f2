//! Log of requests: names without values.

use crate::Asked;
use serde_json::{Value, json};

use crate::standins::body;

/// A request in the stand-in's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Method, in upper case.
    pub method: String,
    /// Path, without the query.
    pub path: String,
    /// Header names in lower case, in the order sent.
    pub headers: Vec<String>,
    /// Parameter names: those of the query, then those of the form or of the JSON object.
    pub parameters: Vec<String>,
    /// Content type as sent.
    pub content_type: Option<String>,
}

impl Seen {
    pub(crate) fn of(asked: &Asked) -> Self {
        let form = asked.form.iter().flat_map(|form| form.names()).map(str::to_owned);
        let object = body::json_object(asked).unwrap_or_default();
        let members = object.into_iter().map(|(name, _)| name);
        Self {
            method: asked.method.clone(),
            path: asked.path.clone(),
            headers: asked.headers.iter().map(|(name, _)| name.clone()).collect(),
            parameters: asked.query.names().map(str::to_owned).chain(form).chain(members).collect(),
            content_type: asked.header("content-type").map(str::to_owned),
        }
    }

    pub(crate) fn document(&self) -> Value {
        json!({
            "method": self.method,
            "path": self.path,
            "headers": self.headers,
            "parameters": self.parameters,
            "content_type": self.content_type,
        })
    }
}
