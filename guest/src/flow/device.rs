//! Login with a code that the user enters on another device (RFC 8628).
//!
//! ```text
//! Begun -> Presenting -> Polling -> ... -> the tokens
//! ```

use crate::contract::{
    Action, Client, ClientAuthentication, Code, DevicePrompt, EpochMs, Exchange, Failure, Response,
};
use crate::flow::backoff::{Backoff, LAST_POLL_MS};
use crate::flow::{Event, NoResponse, Stop, response};
use crate::protocol::device::{
    DeviceCode, device_authorization_request, parse_device_authorization_response, poll_request,
};
use crate::protocol::metadata::Provider;
use crate::protocol::request::retry_after_ms;
use crate::protocol::token::{TokenResponse, parse_token_response};

/// Added to the interval by each `slow_down`, permanently (RFC 8628 §3.5).
const SLOW_DOWN_MS: u64 = 5_000;

pub(crate) struct Device {
    pub(crate) provider: Provider,
    pub(crate) method: ClientAuthentication,
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

pub(crate) enum Progress {
    Continue(Box<Device>, Action),
    Arrived(Box<Device>, TokenResponse),
}

impl Device {
    pub(crate) fn begin(
        client: &Client,
        endpoint: &str,
        provider: Provider,
        method: ClientAuthentication,
        loopback_allowed: bool,
        latest_ms: Option<EpochMs>,
    ) -> Result<(Self, Action), Failure> {
        provider.token_endpoint()?;
        let exchange = device_authorization_request(endpoint, client, method)?;
        let state = State::Begun { loopback_allowed, latest_ms };
        Ok((Self { provider, method, state }, Action::Exchange(exchange)))
    }

    pub(crate) fn next(
        self: Box<Self>,
        client: &Client,
        event: Event,
        now_ms: EpochMs,
    ) -> Result<Progress, Stop<Self>> {
        use State::*;
        let Self { provider, method, state } = *self;
        let proceed = |provider, state, action| {
            Ok(Progress::Continue(Box::new(Self { provider, method, state }), action))
        };
        match (state, event) {
            (Begun { loopback_allowed, latest_ms }, Event::Answered(answer)) => {
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
                let poll = Poll { code, interval_ms, backoff };
                proceed(provider, Presenting(poll), action)
            }
            (Presenting(poll), Event::Presented) => {
                let action = poll.request(client, &provider, method, 0, now_ms)?;
                proceed(provider, Polling(poll), action)
            }
            (Polling(mut poll), Event::Answered(answer)) => {
                match poll.decision(client, answer, now_ms)? {
                    Decision::Granted(token) => {
                        let state = Polling(poll);
                        Ok(Progress::Arrived(Box::new(Self { provider, method, state }), token))
                    }
                    Decision::Pending { wait_ms } => {
                        let action = poll.request(client, &provider, method, wait_ms, now_ms)?;
                        proceed(provider, Polling(poll), action)
                    }
                }
            }
            (state, _) => {
                let expected = state.expected();
                Err(Stop::Misfit(Box::new(Self { provider, method, state }), expected))
            }
        }
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
        provider: &Provider,
        method: ClientAuthentication,
        wait_ms: u64,
        now_ms: EpochMs,
    ) -> Result<Action, Failure> {
        let endpoint = provider.token_endpoint()?;
        let wait_ms = self.interval_ms.max(wait_ms);
        let timeout_ms = self.backoff.remaining_ms(now_ms.saturating_add(wait_ms));
        if timeout_ms == 0 {
            return Err(expired());
        }
        let poll = poll_request(endpoint, client, method, &self.code.device_code);
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
            .and_then(|response| parse_token_response(&response, client.token_type_optional))
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

impl State {
    fn expected(&self) -> &'static str {
        match self {
            Self::Begun { .. } | Self::Polling(_) => "the answer to a request",
            Self::Presenting(_) => "presented",
        }
    }
}

fn denied(failure: Failure) -> Failure {
    Failure {
        code: Code::AccessDenied,
        message: "the login was refused on the other device".to_owned(),
        remedy: "log in again and allow the access, or ask who may".to_owned(),
        ..failure
    }
}

fn expired() -> Failure {
    Failure::new(Code::TimedOut, "nobody entered the code in time", "log in again for a new code")
}
