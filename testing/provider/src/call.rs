//! A request to an endpoint, with what the endpoint needs to answer it.

use serde_json::{Map, Value};

use crate::answer::Answer;
use crate::asked::{Asked, Parameters};
use crate::context::Context;
use crate::dialect::{Body, Dialect};
use crate::issuer::Issuer;
use crate::refusal::Refusal;

pub(crate) struct Call<'a> {
    pub(crate) dialect: &'static Dialect,
    pub(crate) context: &'a Context,
    /// The issuer whose endpoint it is.
    pub(crate) issuer: Issuer,
    pub(crate) asked: &'a Asked,
}

impl Call<'_> {
    /// Returns the parameters of a client's request, in the format of the dialect.
    pub(crate) fn parameters(&self) -> Result<Parameters, Refusal> {
        let (parameters, format) = match self.dialect.body {
            Body::Form => (self.asked.form.clone(), "send a form"),
            Body::Json => {
                (self.asked.json_object().map(Parameters::of_object), "send a JSON object")
            }
        };
        let parameters = parameters.ok_or_else(|| Refusal::new("invalid_request", format))?;
        if parameters.repeats() {
            return Err(Refusal::new("invalid_request", "a parameter comes twice"));
        }
        Ok(parameters)
    }

    /// Formats an outcome as the dialect does.
    pub(crate) fn answer(&self, outcome: Result<Map<String, Value>, Refusal>) -> Answer {
        match outcome {
            Ok(members) => (self.dialect.granted)(members),
            Err(refusal) => (self.dialect.refused)(&refusal),
        }
    }
}
