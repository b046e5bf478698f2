//! States in which a login waits for the user: in a browser, or to choose how to
//! continue.

use crate::contract::{
    Action, Authorization, ClientAuthentication, Code, EpochMs, Failure, LoginFlow, Offer,
};
use crate::protocol::authorization::Transaction;
use crate::protocol::metadata::Provider;

/// A user in the browser.
pub(super) struct Wait {
    pub(super) provider: Provider,
    pub(super) method: ClientAuthentication,
    pub(super) transaction: Transaction,
    pub(super) url: String,
    pub(super) flow: LoginFlow,
    /// Other flows that the user may choose while waiting.
    pub(super) alternatives: Vec<LoginFlow>,
    pub(super) reason: Option<String>,
    pub(super) deadline_ms: EpochMs,
    /// Why the last redirect was not accepted. `None` if there was none.
    pub(super) notice: Option<String>,
}

/// The flows that are left, and the failure of the last one.
pub(super) struct Choice {
    pub(super) provider: Provider,
    pub(super) failure: Failure,
    pub(super) flows: Vec<LoginFlow>,
}

impl Wait {
    /// Waits for a redirect until the deadline.
    pub(super) fn authorize(self, now_ms: EpochMs, notice: Option<String>) -> (Self, Action) {
        let wait = Self { notice: notice.clone().or(self.notice), ..self };
        let authorization = Authorization {
            url: wait.url.clone(),
            flow: wait.flow,
            reason: wait.reason.clone(),
            wait_ms: wait.deadline_ms.saturating_sub(now_ms),
            notice,
            alternatives: wait.alternatives.clone(),
        };
        (wait, Action::Authorize(authorization))
    }

    /// The failure of a user who took too long, or whose redirect was not accepted.
    pub(super) fn timed_out(&self) -> Failure {
        let late = "the login was not finished in the browser in time";
        let message = match &self.notice {
            Some(notice) => format!("{late}; a response came that was not accepted: {notice}"),
            None => late.to_owned(),
        };
        Failure::new(Code::TimedOut, message, "log in again, with a longer time limit if needed")
    }
}

impl Choice {
    /// Asks the user to choose within `wait_ms`.
    pub(super) fn offer(self, wait_ms: u64) -> (Self, Action) {
        let reason = self.failure.message.clone();
        let offer = Offer { reason, flows: self.flows.clone(), wait_ms };
        (self, Action::Offer(offer))
    }
}

pub(super) fn no_user_to_ask(reason: &str) -> Failure {
    Failure::new(
        Code::LoginRequired,
        format!("no user can log in here: {reason}"),
        "log in on a terminal, or choose --flow browser, device or paste",
    )
}

pub(super) fn not_confirmed() -> Failure {
    Failure::new(
        Code::TimedOut,
        "nobody answered whether to log in at this issuer",
        "log in again, or name the issuer that you accept with --accept-issuer",
    )
}

pub(super) fn cancelled() -> Failure {
    Failure::new(Code::Cancelled, "the login was cancelled", "log in again when ready")
}
