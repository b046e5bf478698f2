//! A login waits for the person: in a browser, or to choose how to go on.

use crate::contract::{
    Action, Authorization, ClientAuthentication, Code, EpochMs, Failure, LoginFlow, Offer,
};
use crate::protocol::authorization::Transaction;
use crate::protocol::metadata::Provider;

/// The person is in the browser.
pub(super) struct Wait {
    pub(super) provider: Provider,
    pub(super) method: ClientAuthentication,
    pub(super) transaction: Transaction,
    pub(super) url: String,
    pub(super) flow: LoginFlow,
    /// Other ways that the person may choose meanwhile.
    pub(super) alternatives: Vec<LoginFlow>,
    pub(super) reason: Option<String>,
    pub(super) deadline_ms: EpochMs,
    /// Why the last redirect did not count; none where none came.
    pub(super) notice: Option<String>,
}

/// The ways that are left, and what became of the last one.
pub(super) struct Choice {
    pub(super) provider: Provider,
    pub(super) failure: Failure,
    pub(super) flows: Vec<LoginFlow>,
}

impl Wait {
    /// Waits on, as long as the person may take.
    pub(super) fn go_on(self, now_ms: EpochMs, notice: Option<String>) -> (Self, Action) {
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

    /// The person took too long, or their answer did not count.
    pub(super) fn timed_out(&self) -> Failure {
        let late = "nobody finished the login in the browser in time";
        let message = match &self.notice {
            Some(notice) => format!("{late}; an answer came that does not count: {notice}"),
            None => late.to_owned(),
        };
        Failure::new(Code::TimedOut, message, "log in again, and give it more time if need be")
    }
}

impl Choice {
    /// Asks the person, who may take so long.
    pub(super) fn ask(self, wait_ms: u64) -> (Self, Action) {
        let reason = self.failure.message.clone();
        let offer = Offer { reason, flows: self.flows.clone(), wait_ms };
        (self, Action::Offer(offer))
    }
}

pub(super) fn nobody_to_ask(reason: &str) -> Failure {
    Failure::new(
        Code::LoginRequired,
        format!("nobody can be asked to log in here: {reason}"),
        "log in on a terminal, or say how with --flow browser, device or paste",
    )
}

pub(super) fn given_up() -> Failure {
    Failure::new(Code::Cancelled, "the login was given up", "log in again when ready")
}
