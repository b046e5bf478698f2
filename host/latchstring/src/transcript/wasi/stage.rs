//! Runs the login component with JSON in the form of a transcript.

use serde_json::Value;

use super::codec::{Decode, Encode as _, Misfit};
use super::unusable;
use crate::error::Error;
use latchstring_core::contract::{
    Client, Context, Demand, Failure, LoginRequest, Reply, Session, Tokens,
};

/// The session that is open.
#[derive(Default)]
pub(in crate::transcript) struct Stage {
    session: Option<Session>,
}

/// The component's answer: an action or a failure.
pub(in crate::transcript) type Answer = Result<Value, Value>;

impl Stage {
    #[allow(clippy::unnecessary_wraps, reason = "the native host's can fail")]
    pub(in crate::transcript) fn new() -> Result<Self, Error> {
        Ok(Self::default())
    }

    /// Opens the session. Returns the failure if it cannot begin.
    pub(in crate::transcript) fn open(
        &mut self,
        function: &str,
        parameters: &Value,
    ) -> Result<Option<Value>, Error> {
        match open(function, parameters)? {
            Ok(session) => {
                self.session = Some(session);
                Ok(None)
            }
            Err(failure) => Ok(Some(failure.encode())),
        }
    }

    /// Sends the session a reply and returns its answer.
    pub(in crate::transcript) fn next(
        &mut self,
        reply: &Value,
        now_ms: u64,
    ) -> Result<Answer, Error> {
        let session = self.session.as_ref();
        let session = session
            .ok_or_else(|| unusable("it goes on although its session could not be opened"))?;
        let reply = Reply::decode(reply).map_err(|misfit| damaged(&misfit.within("reply")))?;
        let answer = session.next(&reply, now_ms);
        Ok(answer.map(|action| action.encode()).map_err(|failure| failure.encode()))
    }
}

fn open(function: &str, parameters: &Value) -> Result<Result<Session, Failure>, Error> {
    let client: Client = parameter(parameters, "client")?;
    let context: Context = parameter(parameters, "context")?;
    if function == "adopt" {
        let tokens: Tokens = parameter(parameters, "tokens")?;
        return Ok(Session::adopt(&client, &tokens, &context));
    }
    let stored: Option<Vec<u8>> = parameter(parameters, "stored")?;
    let stored = stored.as_deref();
    Ok(match function {
        "login" => {
            let request: LoginRequest = parameter(parameters, "request")?;
            Session::login(&client, stored, &request, &context)
        }
        "token" => {
            let demand: Demand = parameter(parameters, "demand")?;
            Session::token(&client, stored, &demand, &context)
        }
        _ => {
            let unregister: bool = parameter(parameters, "unregister")?;
            Session::logout(&client, stored, unregister, &context)
        }
    })
}

fn parameter<T: Decode>(parameters: &Value, name: &str) -> Result<T, Error> {
    let json = parameters.get(name).ok_or_else(|| unusable("it lacks a parameter"))?;
    T::decode(json).map_err(|misfit| damaged(&misfit.within(name)))
}

fn damaged(misfit: &Misfit) -> Error {
    unusable(&format!("it does not fit the contract: {}", misfit.in_words()))
}
