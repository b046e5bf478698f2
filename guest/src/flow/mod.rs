//! Flows, and the parts that they are made of: one enum of states and one match each.
//!
//! A flow, and a part just as well, has a function `next`. It takes the state and a reply
//! by value, and returns its [`Progress`]: the next state together with the next action,
//! or the result. Every failure ends the session.

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
mod protected_resource;
pub(crate) mod proving;
mod registration;
pub(crate) mod retry;
pub(crate) mod token;
pub(crate) mod unattended;
mod unsealing;
mod waiting;

use self::Progress::{Continue, Done};
use crate::contract::{Action, Code, Failure, NoResponse, Reply, Response, Unreachable};
use crate::protocol::failure::printable;

/// Progress of a flow or of a part of one.
#[allow(clippy::large_enum_variant, reason = "it is matched at once and never kept")]
pub(crate) enum Progress<P, T> {
    /// Not finished: the flow or part in its next state, and the next action.
    Continue(P, Action),
    /// Finished, with this result.
    Done(T),
}

pub(crate) type Step<P, T> = Result<Progress<P, T>, Failure>;

impl<P, T> Progress<P, T> {
    /// Wraps a part that continues in the state or flow that it belongs to.
    pub(crate) fn within<Q>(self, wrap: impl FnOnce(P) -> Q) -> Progress<Q, T> {
        match self {
            Continue(part, action) => Continue(wrap(part), action),
            Done(result) => Done(result),
        }
    }
}

/// The failure of a reply that does not fit the last action. The session adds what it
/// expected.
pub(crate) fn misfit() -> Failure {
    Failure::new(
        Code::UnexpectedReply,
        "the reply does not fit the last action",
        "this is a bug in the host program; report it to its authors",
    )
}

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
            "check the address with the provider: such a response is never that large",
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

    /// Fails with `not-saved` and `remedy` after the last attempt.
    pub(crate) fn next(mut self, reply: Reply, remedy: &str) -> Step<Self, ()> {
        match reply {
            Reply::Saved => Ok(Done(())),
            Reply::NotSaved(reason) if self.attempts_left == 0 => Err(not_saved(&reason, remedy)),
            Reply::NotSaved(_) => {
                self.attempts_left -= 1;
                let action = Action::Save(Some(self.bytes.clone()));
                Ok(Continue(self, action))
            }
            _ => Err(misfit()),
        }
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
