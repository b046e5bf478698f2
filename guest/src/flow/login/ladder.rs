//! One try came to nothing, and another is offered.

use super::{Setup, State};
use crate::contract::{Action, Code, EpochMs, Failure, LoginFlow, Protocol};
use crate::flow::waiting::Choice;
use crate::protocol::flow_choice::ways_on;
use crate::protocol::metadata::Provider;

impl Setup {
    /// Offers another try where somebody is there to choose, and where another
    /// try can help.
    pub(super) fn offer(
        &self,
        mut provider: Provider,
        tried: LoginFlow,
        failure: Failure,
    ) -> Result<(State, Action), Failure> {
        let is_unavailable = failure.code == Code::DeviceLoginUnavailable;
        if !self.request.facts.terminal || !(is_unavailable || failure.code == Code::TimedOut) {
            return Err(failure);
        }
        if is_unavailable {
            provider.device_authorization_endpoint = None;
        }
        let flows = match &self.client.protocol {
            Protocol::Oauth => ways_on(&self.facts(&provider), tried),
            Protocol::Hexclave(_) => vec![tried],
        };
        let (choice, action) = Choice { provider, failure, flows }.ask(self.request.patience_ms);
        Ok((State::AwaitingChoice(choice), action))
    }

    /// Nothing of the last try is used again: its URL may be in anybody's hands.
    pub(super) fn try_again(
        &mut self,
        provider: Provider,
        flow: LoginFlow,
        now_ms: EpochMs,
    ) -> Result<(State, Action), Failure> {
        self.entropy = self.entropy.fork();
        self.send(provider, flow, None, now_ms)
    }
}
