//! Conversations: one enum of states and one match each.
//!
//! A flow takes itself and an event by value and gives back itself in its next
//! state with the action to do.

pub(crate) mod adoption;
mod completion;
mod device;
mod discovery;
mod examination;
mod granting;
mod hexclave;
mod identity;
pub(crate) mod login;
pub(crate) mod logout;
mod patience;
pub(crate) mod repetition;
pub(crate) mod token;
mod waiting;

use crate::contract::{Action, Code, Failure, LoginFlow, Reply, Response, Unreachable};
use crate::protocol::failure::printable;

/// Longest body that is read, in bytes, whatever the host lets through: as a
/// tree, JSON can take sixty times its length. Real answers stay far below.
const BODY_LIMIT: usize = 256 << 10;

/// A reply, with the four answers to a request drawn together.
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

/// Why a request has no response.
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

/// Why a flow does not go on.
pub(crate) enum Stop<F> {
    /// It has failed and is over.
    Failed(Failure),
    /// The event does not fit: the flow as it was, and what it waits for.
    Misfit(Box<F>, &'static str),
}

impl<F> Stop<F> {
    /// The same for the flow that this one is a part of.
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

/// The next state and what the host is to do.
pub(crate) type Step<F> = Result<(Box<F>, Action), Stop<F>>;

/// The response, or the failure that its absence stands for; `too_large` is
/// the code for an oversized body, whose meaning depends on who sent it.
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

/// How often a save is tried before it counts as failed: what it holds may be
/// the only copy of a rotated refresh token.
const SAVE_ATTEMPTS: u32 = 3;

/// Bytes on their way into the store, tried again where that fails.
pub(crate) struct Save {
    bytes: Vec<u8>,
    attempts_left: u32,
}

impl Save {
    pub(crate) fn begin(bytes: Vec<u8>) -> (Self, Action) {
        let action = Action::Save(Some(bytes.clone()));
        (Self { bytes, attempts_left: SAVE_ATTEMPTS - 1 }, action)
    }

    /// Another try, or `not-saved` with `remedy` once they are used up.
    pub(crate) fn again(mut self, reason: &str, remedy: &str) -> Result<(Self, Action), Failure> {
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
