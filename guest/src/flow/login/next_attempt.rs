//! Continuing after an attempt that failed.

use super::{Setup, State};
use crate::contract::{Code, EpochMs, Failure, LoginFlow, Outcome};
use crate::flow::Progress::Continue;
use crate::flow::Step;
use crate::flow::waiting::Choice;
use crate::protocol::flow_choice::flows_after;
use crate::protocol::metadata::Provider;

impl Setup {
    /// Offers another try if a user is there to choose and another try can help.
    pub(super) fn offer(
        &self,
        mut provider: Provider,
        tried: LoginFlow,
        failure: Failure,
    ) -> Step<State, Outcome> {
        let has_no_device =
            matches!(failure.code, Code::DeviceLoginUnavailable | Code::InvalidDeviceResponse);
        if !self.request.facts.terminal || !(has_no_device || failure.code == Code::TimedOut) {
            return Err(failure);
        }
        if has_no_device {
            provider.device_authorization_endpoint = None;
        }
        let flows = match self.client.speaks_oauth() {
            true => flows_after(&self.facts(&provider), tried),
            false => vec![tried],
        };
        let (choice, action) = Choice { provider, failure, flows }.offer(self.time_limit_ms());
        Ok(Continue(State::AwaitingChoice(choice), action))
    }

    /// Starts another attempt with new secrets: others may have seen the URL of the last
    /// one.
    pub(super) fn try_again(
        &mut self,
        provider: Provider,
        flow: LoginFlow,
        now_ms: EpochMs,
    ) -> Step<State, Outcome> {
        self.entropy = self.entropy.fork();
        self.start(provider, flow, None, now_ms)
    }
}
