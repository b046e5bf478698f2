//! Login on a page of a Hexclave project.
//!
//! ```text
//! Beginning -> Showing -> Polling -> ... -> AwaitingAccess -> the tokens
//! ```

use crate::contract::{
    Action, Client, Code, EpochMs, Exchange, Failure, Hexclave, NoResponse, Reply, Response, Visit,
};
use crate::flow::Progress::{Continue, Done};
use crate::flow::backoff::{Backoff, LAST_POLL_MS};
use crate::flow::{Step, misfit, response};
use crate::protocol::hexclave::{
    Api, Begun, Confirmation, Page, lifetime_ms, parse_begin_response, parse_poll_response,
    parse_refresh_response,
};
use crate::protocol::request::retry_after_ms;
use crate::protocol::token::TokenResponse;

/// Delay between two polls.
const INTERVAL_MS: u64 = 2_000;

pub(crate) struct HexclaveLogin {
    hexclave: Hexclave,
    state: State,
}

enum State {
    Beginning {
        page: Page,
        /// Whether a browser on this machine opens the page.
        opens: bool,
        lifetime_ms: u64,
    },
    Showing(Poll),
    Polling(Poll),
    /// The refresh token has arrived and is being exchanged for the first access token.
    /// The server sends the refresh token only once, so a lost response must not cost the
    /// user another login.
    AwaitingAccess {
        refresh_token: String,
        backoff: Backoff,
    },
}

struct Poll {
    polling_code: String,
    backoff: Backoff,
}

impl HexclaveLogin {
    pub(crate) fn begin(
        client: &Client,
        hexclave: &Hexclave,
        opens: bool,
        time_limit_ms: u64,
        anonymous_refresh_token: Option<&str>,
    ) -> Result<(Self, Action), Failure> {
        let api = Api::new(client, hexclave)?;
        let page = api.page()?;
        let exchange = api.begin_request(time_limit_ms, anonymous_refresh_token);
        let lifetime_ms = lifetime_ms(time_limit_ms);
        let state = State::Beginning { page, opens, lifetime_ms };
        Ok((Self { hexclave: hexclave.clone(), state }, Action::Exchange(exchange)))
    }

    pub(crate) fn next(
        self,
        client: &Client,
        reply: Reply,
        now_ms: EpochMs,
    ) -> Step<Self, TokenResponse> {
        use State::*;
        let Self { hexclave, state } = self;
        let api = Api::new(client, &hexclave)?;
        let (state, action) = match (state, reply) {
            (Beginning { page, opens, lifetime_ms }, Reply::Answered(answer)) => {
                let response = response(answer, "the provider", Code::InvalidTokenResponse)?;
                let Begun { polling_code, login_code } = parse_begin_response(&response)?;
                let deadline_ms = now_ms.saturating_add(lifetime_ms);
                let url = page.url(&login_code);
                let action = Action::Visit(Visit { url, opens, expires_at_ms: deadline_ms });
                let backoff = Backoff::until(deadline_ms);
                (Showing(Poll { polling_code, backoff }), action)
            }
            (Showing(poll), Reply::Presented) => {
                let action = poll.request(&api, 0, now_ms);
                (Polling(poll), action)
            }
            (Polling(mut poll), Reply::Answered(answer)) => match poll.decision(answer, now_ms)? {
                Decision::Confirmed(refresh_token) => {
                    let action = Action::Exchange(api.refresh_request(&refresh_token));
                    let backoff = Backoff::until(poll.backoff.deadline_ms);
                    (AwaitingAccess { refresh_token, backoff }, action)
                }
                Decision::Pending { wait_ms } => {
                    let action = poll.request(&api, wait_ms, now_ms);
                    (Polling(poll), action)
                }
            },
            (AwaitingAccess { refresh_token, mut backoff }, Reply::Answered(answer)) => {
                let requested_ms = answer.as_ref().ok().and_then(retry_after_ms).unwrap_or(0);
                let answer = response(answer, "the session endpoint", Code::InvalidTokenResponse)
                    .and_then(|response| parse_refresh_response(&response, now_ms));
                match answer {
                    Ok(token) => {
                        let refresh_token = Some(refresh_token);
                        return Ok(Done(TokenResponse { refresh_token, ..token }));
                    }
                    Err(failure) if failure.retryable && !backoff.is_over(now_ms) => {
                        let delay_ms = backoff.next_delay_ms(INTERVAL_MS).max(requested_ms);
                        let wait_ms = backoff.cap_ms(delay_ms, now_ms);
                        let exchange = Exchange { wait_ms, ..api.refresh_request(&refresh_token) };
                        (AwaitingAccess { refresh_token, backoff }, Action::Exchange(exchange))
                    }
                    Err(failure) => return Err(failure),
                }
            }
            _ => return Err(misfit()),
        };
        Ok(Continue(Self { hexclave, state }, action))
    }
}

enum Decision {
    /// Holds the refresh token.
    Confirmed(String),
    /// Delay before the next poll.
    Pending { wait_ms: u64 },
}

impl Poll {
    /// Polls after `wait_ms`. The request outlives the login by at most `LAST_POLL_MS`.
    fn request(&self, api: &Api<'_>, wait_ms: u64, now_ms: EpochMs) -> Action {
        let timeout_ms =
            self.backoff.remaining_ms(now_ms.saturating_add(wait_ms)).max(LAST_POLL_MS);
        let timeout_ms = Some(timeout_ms);
        Action::Exchange(Exchange { wait_ms, timeout_ms, ..api.poll_request(&self.polling_code) })
    }

    fn decision(
        &mut self,
        answer: Result<Response, NoResponse>,
        now_ms: EpochMs,
    ) -> Result<Decision, Failure> {
        let requested_ms = answer.as_ref().ok().and_then(retry_after_ms).unwrap_or(0);
        let confirmation = response(answer, "the login endpoint", Code::InvalidTokenResponse)
            .and_then(|response| parse_poll_response(&response));
        let wait_ms = match confirmation {
            Ok(Confirmation::Confirmed(refresh_token)) => {
                return Ok(Decision::Confirmed(refresh_token));
            }
            Ok(Confirmation::Expired) => return Err(expired()),
            Ok(Confirmation::Used) if self.backoff.has_unanswered() => return Err(lost()),
            Ok(Confirmation::Used) => return Err(used()),
            Ok(Confirmation::Waiting) => {
                self.backoff.reset();
                INTERVAL_MS
            }
            // A temporary network failure does not end the login.
            Err(failure) if failure.retryable => self.backoff.next_delay_ms(INTERVAL_MS),
            Err(failure) => return Err(failure),
        };
        if self.backoff.is_over(now_ms) {
            return Err(expired());
        }
        let wait_ms = self.backoff.cap_ms(wait_ms.max(requested_ms), now_ms);
        Ok(Decision::Pending { wait_ms })
    }
}

fn expired() -> Failure {
    Failure::new(
        Code::TimedOut,
        "the login was not confirmed in time",
        "log in again, and confirm it in the browser",
    )
}

/// The login was confirmed, but the response with its result was lost. The server sends
/// it once.
fn lost() -> Failure {
    Failure::new(
        Code::ProviderRefused,
        "the login was confirmed, but the provider's response did not arrive",
        "log in again",
    )
}

fn used() -> Failure {
    Failure::new(
        Code::ProviderRefused,
        "another program has already completed this login",
        "log in again; if you did not start another login, somebody else may have seen the codes of this one",
    )
}
