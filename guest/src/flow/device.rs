//! Login with a code that the user enters on another device (RFC 8628).
//!
//! ```text
//! Begun -> Presenting -> Polling -> ... -> the tokens
//! ```

use crate::contract::{
    Action, Client, ClientAuthentication, Code, DevicePrompt, EpochMs, Exchange, Failure,
    NoResponse, Reply, Response,
};
use crate::flow::Progress::{Continue, Done};
use crate::flow::backoff::{Backoff, LAST_POLL_MS};
use crate::flow::{Step, misfit, response};
use crate::protocol::device::{
    DeviceCode, device_authorization_request, parse_device_authorization_response, poll_request,
};
use crate::protocol::metadata::Provider;
use crate::protocol::request::retry_after_ms;
use crate::protocol::token::{TokenResponse, Wanted, parse_token_response};

/// Added to the interval by each `slow_down`, permanently (RFC 8628 §3.5).
const SLOW_DOWN_MS: u64 = 5_000;

pub(crate) struct Device {
    token_endpoint: String,
    method: ClientAuthentication,
    state: State,
}

enum State {
    Begun {
        loopback_allowed: bool,
        /// Latest end of the login. `None`: when the code expires.
        latest_ms: Option<EpochMs>,
    },
    Presenting(Poll),
    Polling(Poll),
}

struct Poll {
    code: DeviceCode,
    /// Delay between two polls if the provider responds to them.
    interval_ms: u64,
    backoff: Backoff,
}

impl Device {
    pub(crate) fn begin(
        client: &Client,
        endpoint: &str,
        provider: &Provider,
        method: ClientAuthentication,
        loopback_allowed: bool,
        latest_ms: Option<EpochMs>,
    ) -> Result<(Self, Action), Failure> {
        let token_endpoint = provider.token_endpoint()?.to_owned();
        let exchange = device_authorization_request(endpoint, client, method)?;
        let state = State::Begun { loopback_allowed, latest_ms };
        Ok((Self { token_endpoint, method, state }, Action::Exchange(exchange)))
    }

    pub(crate) fn next(
        self,
        client: &Client,
        reply: Reply,
        now_ms: EpochMs,
    ) -> Step<Self, TokenResponse> {
        use State::*;
        let Self { token_endpoint, method, state } = self;
        let (state, action) = match (state, reply) {
            (Begun { loopback_allowed, latest_ms }, Reply::Answered(answer)) => {
                let what = "the device authorization endpoint";
                let response = response(answer, what, Code::InvalidDeviceResponse)?;
                let code = parse_device_authorization_response(&response, loopback_allowed)?;
                let expires_at_ms = now_ms.saturating_add(code.lifetime_s.saturating_mul(1000));
                let deadline_ms = latest_ms.map_or(expires_at_ms, |at| at.min(expires_at_ms));
                let action = Action::Present(DevicePrompt {
                    user_code: code.user_code.clone(),
                    verification_uri: code.verification_uri.clone(),
                    verification_uri_complete: code.verification_uri_complete.clone(),
                    expires_at_ms: deadline_ms,
                });
                let interval_ms = code.interval_s.saturating_mul(1000);
                let backoff = Backoff::until(deadline_ms);
                (Presenting(Poll { code, interval_ms, backoff }), action)
            }
            (Presenting(poll), Reply::Presented) => {
                let action = poll.request(client, &token_endpoint, method, 0, now_ms)?;
                (Polling(poll), action)
            }
            (Polling(mut poll), Reply::Answered(answer)) => {
                match poll.decision(client, answer, now_ms)? {
                    Decision::Granted(token) => return Ok(Done(token)),
                    Decision::Pending { wait_ms } => {
                        let action =
                            poll.request(client, &token_endpoint, method, wait_ms, now_ms)?;
                        (Polling(poll), action)
                    }
                }
            }
            _ => return Err(misfit()),
        };
        Ok(Continue(Self { token_endpoint, method, state }, action))
    }
}

enum Decision {
    Granted(TokenResponse),
    /// Least delay before the next poll; the interval applies if it is longer.
    Pending {
        wait_ms: u64,
    },
}

impl Poll {
    /// Polls after the interval, or after `wait_ms` if that is longer. The request times
    /// out when the login does. Fails with `timed-out` if the poll could not be sent in
    /// time.
    fn request(
        &self,
        client: &Client,
        token_endpoint: &str,
        method: ClientAuthentication,
        wait_ms: u64,
        now_ms: EpochMs,
    ) -> Result<Action, Failure> {
        let wait_ms = self.interval_ms.max(wait_ms);
        let timeout_ms = self.backoff.remaining_ms(now_ms.saturating_add(wait_ms));
        if timeout_ms == 0 {
            return Err(expired());
        }
        let poll = poll_request(token_endpoint, client, method, &self.code.device_code);
        Ok(Action::Exchange(Exchange { wait_ms, timeout_ms: Some(timeout_ms), ..poll }))
    }

    /// Reads the user's decision from a response (RFC 8628 §3.5).
    fn decision(
        &mut self,
        client: &Client,
        answer: Result<Response, NoResponse>,
        now_ms: EpochMs,
    ) -> Result<Decision, Failure> {
        let requested_ms = answer.as_ref().ok().and_then(retry_after_ms).unwrap_or(0);
        let failure = match response(answer, "the token endpoint", Code::InvalidTokenResponse)
            .and_then(|response| parse_token_response(&response, Wanted::by(client)))
        {
            Ok(token) => return Ok(Decision::Granted(token)),
            Err(failure) => failure,
        };
        let error = failure.provider.as_ref().map(|provider| provider.error.as_str());
        let wait_ms = match error {
            Some("authorization_pending") => {
                self.backoff.reset();
                requested_ms
            }
            Some("slow_down") => {
                self.backoff.reset();
                self.interval_ms = self.interval_ms.saturating_add(SLOW_DOWN_MS);
                requested_ms
            }
            Some("access_denied") => return Err(denied(failure)),
            Some("expired_token") => return Err(expired()),
            // A temporary network failure does not end the login. One poll is kept for
            // just before the deadline.
            _ if failure.retryable => {
                let last_poll_ms = self.backoff.remaining_ms(now_ms).saturating_sub(LAST_POLL_MS);
                self.backoff.next_delay_ms(self.interval_ms).min(last_poll_ms).max(requested_ms)
            }
            _ => return Err(failure),
        };
        Ok(Decision::Pending { wait_ms })
    }
}

fn denied(failure: Failure) -> Failure {
    Failure {
        code: Code::AccessDenied,
        message: "the login was refused on the other device".to_owned(),
        remedy: "log in again and allow access, or ask an administrator".to_owned(),
        ..failure
    }
}

fn expired() -> Failure {
    Failure::new(
        Code::TimedOut,
        "the code was not entered in time",
        "log in again to get a new code",
    )
}
