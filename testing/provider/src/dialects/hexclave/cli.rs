//! Endpoints under `/auth/cli`: a command-line login begins, polls and completes.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::errors::Error;
use super::sessions::live;
use crate::answer::Answer;
use crate::asked::Asked;
use crate::context::Context;
use crate::misbehaviour::Misbehaviour;
use crate::state::cli_logins::Poll;

const DEFAULT_LIFETIME_MS: u64 = 2 * 60 * 1000;
const LONGEST_LIFETIME_MS: u64 = 15 * 60 * 1000;

pub(super) fn begin(context: &Context, asked: &Asked) -> Result<Answer, Error> {
    let body = object(asked)?;
    let lifetime_ms = match body.get("expires_in_millis") {
        None => DEFAULT_LIFETIME_MS,
        Some(millis) => {
            let millis =
                millis.as_u64().filter(|millis| (1..=LONGEST_LIFETIME_MS).contains(millis));
            millis.ok_or(Error::SCHEMA)?
        }
    };
    let state = &mut context.state();
    let anonymous = match body.get("anon_refresh_token") {
        None => None,
        Some(token) => {
            let token = token.as_str().ok_or(Error::SCHEMA)?;
            let user = state.sessions.grant(live(state, Some(token))?).user;
            let is_anonymous = state.users.user(user).name.is_none();
            Some(is_anonymous.then_some(user).ok_or(Error::SCHEMA)?)
        }
    };
    let expires_at_ms = context.now_ms() + lifetime_ms;
    let (polling_code, login_code) = state.cli_logins.begin(anonymous, expires_at_ms);
    let begun = json!({
        "polling_code": polling_code,
        "login_code": login_code,
        "expires_at": date_time(expires_at_ms),
    });
    Ok(Answer::json(200, &begun))
}

pub(super) fn poll(context: &Context, asked: &Asked) -> Result<Answer, Error> {
    let body = object(asked)?;
    let polling_code = text(&body, "polling_code")?;
    let state = &mut context.state();
    let forced = if context.does(Misbehaviour::PollUsed) {
        Some(Poll::Used)
    } else if context.does(Misbehaviour::PollExpired) {
        Some(Poll::Expired)
    } else {
        None
    };
    let polled = match forced {
        Some(forced) => forced,
        None => {
            let now_ms = context.now_for_codes_ms();
            let polled = state.cli_logins.poll(polling_code, now_ms);
            polled.ok_or(Error::INVALID_POLLING_CODE)?
        }
    };
    let (status, document) = match polled {
        Poll::Waiting => (200, json!({ "status": "waiting" })),
        Poll::Used => (200, json!({ "status": "used" })),
        Poll::Expired => (200, json!({ "status": "expired" })),
        Poll::Success(refresh_token) => {
            (201, json!({ "status": "success", "refresh_token": refresh_token }))
        }
    };
    Ok(Answer::json(status, &document))
}

/// Milliseconds since 1970-01-01T00:00:00Z in the form of RFC 3339, in UTC.
fn date_time(ms: u64) -> String {
    // OK because no clock of a test is that far in the future.
    let time = Timestamp::from_millisecond(ms as i64).expect("a year with four digits");
    format!("{time:.3}")
}

fn object(asked: &Asked) -> Result<Map<String, Value>, Error> {
    asked.json_object().ok_or(Error::BODY_PARSING)
}

fn text<'a>(body: &'a Map<String, Value>, name: &str) -> Result<&'a str, Error> {
    body.get(name).and_then(Value::as_str).ok_or(Error::SCHEMA)
}
