//! Runs the embedded component with JSON in the form of a transcript.

use serde_json::Value;
use wasmtime::component::{ResourceAny, Type};

use super::values::{Misfit, Ordered, Spelling, decode, encode};
use crate::error::{Code, Error};
use crate::sandbox::Sandbox;
use crate::sandbox::by_name::ByName;

/// An instance of the component, and the session opened in it.
pub(super) struct Stage {
    component: ByName,
    reply: Type,
    action: Type,
    failure: Type,
    session: Option<ResourceAny>,
}

/// The component's answer: an action or a failure.
pub(super) type Answer = Result<Value, Value>;

impl Stage {
    pub(super) fn new() -> Result<Self, Error> {
        let mut component = Sandbox::load()?.by_name()?;
        let (reply, action, failure) = component.types_of_next()?;
        Ok(Self { component, reply, action, failure, session: None })
    }

    /// Opens the session. Returns the failure if it cannot begin.
    pub(super) fn open(
        &mut self,
        function: &str,
        parameters: &Value,
    ) -> Result<Option<Value>, Error> {
        let types = self.component.parameters(function)?;
        let values = types.iter().map(|(name, ty)| {
            let json = parameters.get(name).ok_or_else(|| misfit("it lacks a parameter"))?;
            decode(ty, json, Spelling::Contract).map_err(|misfit| damaged(&misfit.within(name)))
        });
        let values = values.collect::<Result<Vec<_>, _>>()?;
        match self.component.open(function, &values)? {
            Ok(session) => {
                self.session = Some(session);
                Ok(None)
            }
            Err(failure) => {
                let failure = encode(&self.failure, &failure).map_err(|misfit| damaged(&misfit))?;
                Ok(Some(failure.into_value()))
            }
        }
    }

    /// Sends the session a reply and returns its answer.
    pub(super) fn next(&mut self, reply: &Value, now_ms: u64) -> Result<Answer, Error> {
        let session = self
            .session
            .ok_or_else(|| misfit("it goes on although its session could not be opened"))?;
        let reply = decode(&self.reply, reply, Spelling::Contract)
            .map_err(|misfit| damaged(&misfit.within("reply")))?;
        let answer = match self.component.next(session, reply, now_ms)? {
            Ok(Some(action)) => encode(&self.action, &action).map(Ok),
            Ok(None) => return Err(misfit("an action without a value")),
            Err(failure) => encode(&self.failure, &failure).map(Err),
        };
        let answer = answer.map_err(|misfit| damaged(&misfit.within("answer")))?;
        Ok(answer.map(Ordered::into_value).map_err(Ordered::into_value))
    }

    /// Returns the parameters as JSON in the order of their declaration.
    pub(super) fn parameters(
        &mut self,
        function: &str,
        parameters: &Value,
    ) -> Result<Ordered, Error> {
        let types = self.component.parameters(function)?;
        let members = types.into_iter().map(|(name, ty)| {
            let value = in_order(&ty, &parameters[&name], Spelling::Contract)?;
            Ok((name, value))
        });
        members.collect::<Result<_, _>>().map(Ordered::Object)
    }

    /// Returns recorded parameters, which are an array, in the form of a transcript.
    pub(super) fn recorded_parameters(
        &mut self,
        function: &str,
        json: &[u8],
    ) -> Result<Value, Error> {
        let types = self.component.parameters(function)?;
        let values: Vec<Value> = serde_json::from_slice(json).map_err(|_| unreadable())?;
        let members = types.into_iter().zip(&values).map(|((name, ty), json)| {
            let value = in_order(&ty, json, Spelling::Derived)?;
            Ok((name, value.into_value()))
        });
        members.collect::<Result<_, _>>().map(Value::Object)
    }

    pub(super) fn reply(&self, json: &Value) -> Result<Ordered, Error> {
        in_order(&self.reply, json, Spelling::Contract)
    }

    pub(super) fn answer(&self, answer: &Answer) -> Result<Ordered, Error> {
        match answer {
            Ok(action) => in_order(&self.action, action, Spelling::Contract),
            Err(failure) => in_order(&self.failure, failure, Spelling::Contract),
        }
    }

    pub(super) fn recorded_reply(&self, json: &[u8]) -> Result<Value, Error> {
        recorded(&self.reply, json)
    }

    pub(super) fn recorded_answer(&self, answer: Result<&[u8], &[u8]>) -> Result<Answer, Error> {
        match answer {
            Ok(json) => recorded(&self.action, json).map(Ok),
            Err(json) => recorded(&self.failure, json).map(Err),
        }
    }
}

fn recorded(ty: &Type, json: &[u8]) -> Result<Value, Error> {
    let json = serde_json::from_slice(json).map_err(|_| unreadable())?;
    in_order(ty, &json, Spelling::Derived).map(Ordered::into_value)
}

fn in_order(ty: &Type, json: &Value, spelling: Spelling) -> Result<Ordered, Error> {
    let value = decode(ty, json, spelling).and_then(|value| encode(ty, &value));
    value.map_err(|misfit| damaged(&misfit))
}

fn damaged(found: &Misfit) -> Error {
    misfit(&format!("it does not fit the contract: {}", found.in_words()))
}

fn misfit(what: &str) -> Error {
    super::unusable(what)
}

fn unreadable() -> Error {
    Error::new(
        Code::HostFault,
        "the recorded session cannot be read back",
        "report this bug, with the version of this program",
    )
}
