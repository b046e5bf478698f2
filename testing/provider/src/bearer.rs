//! Access tokens in requests (RFC 6750).

use crate::answer::Answer;
use crate::asked::Asked;
use crate::context::Context;
use crate::state::State;
use crate::state::sessions::{Bearer, Good};

/// Returns what the access token in the header is good for, otherwise the error response.
/// `scope` is one that it must have.
pub(crate) fn bearer(
    context: &Context,
    state: &State,
    asked: &Asked,
    scope: Option<&str>,
) -> Result<Good, Answer> {
    let Some(access_token) = asked.credentials("bearer") else {
        // No error code if no token was sent (RFC 6750 §3.1).
        return Err(challenge(401, ""));
    };
    let Bearer::Good(good) = state.sessions.bearer(access_token, context.now_ms()) else {
        return Err(challenge(401, ", error=\"invalid_token\""));
    };
    match scope.filter(|scope| !good.scopes.iter().any(|known| known == scope)) {
        None => Ok(good),
        Some(lacking) => {
            let error = format!(", error=\"insufficient_scope\", scope=\"{lacking}\"");
            Err(challenge(403, &error))
        }
    }
}

fn challenge(status: u16, error: &str) -> Answer {
    let challenge = format!("Bearer realm=\"latchstring\"{error}");
    Answer::new(status, "text/plain", "").not_stored().with("www-authenticate", &challenge)
}
