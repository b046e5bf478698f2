//! Flows: one enum of states and one match each.
//!
//! A flow takes itself and an event by value, and returns itself in its next state
//! together with the next action.

pub(crate) mod adoption;
mod backoff;
mod completion;
mod device;
mod discovery;
mod examination;
mod granting;
mod hexclave;
mod identity;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod retry;
pub(crate) mod token;
mod waiting;

use crate::contract::{Action, Code, Failure, LoginFlow, Reply, Response, Unreachable};
use crate::protocol::failure::printable;

/// Longest response body that is parsed, in bytes, whatever the host's limit. Parsed JSON
/// can take sixty times its length in memory. Real responses are far smaller.
const BODY_LIMIT: usize = 256 << 10;

/// A reply. The four results of a request are one event.
pub(crate) enum Event {
    Begin,
    Locked(Option<Vec<u8>>),
    Probed,
    Answered(Result<Response, NoResponse>),
    Redirected(String),
    Pasted(String),
    Presented,
    Chosen(LoginFlow),
    Cancelled,
    TimedOut,
    Saved,
    NotSaved(String),
}

/// The reason why a request has no response.
pub(crate) enum NoResponse {
    Unreachable(Unreachable),
    TooLarge(u64),
    Denied(String),
}

impl From<Reply> for Event {
    fn from(reply: Reply) -> Self {
        match reply {
            Reply::Begin => Self::Begin,
            Reply::Locked(stored) => Self::Locked(stored),
            Reply::Probed => Self::Probed,
            Reply::Response(response) if response.body.len() > BODY_LIMIT => {
                Self::Answered(Err(NoResponse::TooLarge(BODY_LIMIT as u64)))
            }
            Reply::Response(response) => Self::Answered(Ok(response)),
            Reply::Unreachable(reason) => Self::Answered(Err(NoResponse::Unreachable(reason))),
            Reply::TooLarge(limit) => Self::Answered(Err(NoResponse::TooLarge(limit))),
            Reply::Denied(reason) => Self::Answered(Err(NoResponse::Denied(reason))),
            Reply::Redirected(target) => Self::Redirected(target),
            Reply::Pasted(text) => Self::Pasted(text),
            Reply::Presented => Self::Presented,
            Reply::Chosen(flow) => Self::Chosen(flow),
            Reply::Cancelled => Self::Cancelled,
            Reply::TimedOut => Self::TimedOut,
            Reply::Saved => Self::Saved,
            Reply::NotSaved(reason) => Self::NotSaved(reason),
        }
    }
}

/// The reason why a flow did not take a step.
pub(crate) enum Stop<F> {
    /// The flow has failed and is over.
    Failed(Failure),
    /// The event does not fit: the unchanged flow, and what it expects.
    Misfit(Box<F>, &'static str),
}

impl<F> Stop<F> {
    /// Wraps the unchanged flow in the flow that it is a part of.
    pub(crate) fn within<G>(self, wrap: impl FnOnce(Box<F>) -> Box<G>) -> Stop<G> {
        match self {
            Self::Failed(failure) => Stop::Failed(failure),
            Self::Misfit(flow, expected) => Stop::Misfit(wrap(flow), expected),
        }
    }
}

impl<F> From<Failure> for Stop<F> {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// The flow in its next state, and the next action.
pub(crate) type Step<F> = Result<(Box<F>, Action), Stop<F>>;

/// Returns the response, or the failure for a missing one. `too_large` is the failure
/// code for an oversized body, which depends on the endpoint.
pub(crate) fn response(
    answer: Result<Response, NoResponse>,
    what: &str,
    too_large: Code,
) -> Result<Response, Failure> {
    answer.map_err(|none| match none {
        NoResponse::Unreachable(Unreachable { reason, .. }) => Failure::new(
            Code::Unreachable,
            format!("{what} cannot be reached: {}", printable(&reason)),
            "check the network, the proxy settings and the provider's address, then try again",
        )
        .retryable(),
        NoResponse::TooLarge(limit) => Failure::new(
            too_large,
            format!("{what} sent more than {limit} bytes"),
            "check the address with the provider; no such answer is that large",
        ),
        NoResponse::Denied(reason) => Failure::new(
            Code::EgressDenied,
            format!("the request to {what} was not sent: {}", printable(&reason)),
            "check the provider's metadata; its endpoints must be https and public",
        ),
    })
}

/// Number of attempts to save. More than one, because the bytes may hold the only copy of
/// a rotated refresh token.
const SAVE_ATTEMPTS: u32 = 3;

/// Bytes being saved, with retries.
pub(crate) struct Save {
    bytes: Vec<u8>,
    attempts_left: u32,
}

impl Save {
    pub(crate) fn begin(bytes: Vec<u8>) -> (Self, Action) {
        let action = Action::Save(Some(bytes.clone()));
        (Self { bytes, attempts_left: SAVE_ATTEMPTS - 1 }, action)
    }

    /// Returns the next attempt, or `not-saved` with `remedy` if none is left.
    pub(crate) fn retry(mut self, reason: &str, remedy: &str) -> Result<(Self, Action), Failure> {
        if self.attempts_left == 0 {
            return Err(not_saved(reason, remedy));
        }
        self.attempts_left -= 1;
        let action = Action::Save(Some(self.bytes.clone()));
        Ok((self, action))
    }
}

pub(crate) fn not_saved(reason: &str, remedy: &str) -> Failure {
    Failure::new(
        Code::NotSaved,
        format!("the session could not be stored: {}", printable(reason)),
        remedy,
    )
}

pub(crate) fn login_required(message: &str) -> Failure {
    Failure::new(Code::LoginRequired, message, "log in again")
}
