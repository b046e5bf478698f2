//! Access tokens in requests (RFC 6750).

use crate::{Answer, Asked};
use serde_json::json;

use crate::standins::misbehaviour::Misbehaviour;
use crate::standins::shared::Shared;
use crate::standins::state::State;
use crate::standins::state::sessions::{Bearer, SessionId};

/// Returns the session of the access token in the header and the token's expiry in
/// milliseconds, otherwise the error response.
pub(crate) fn bearer(
    shared: &Shared,
    state: &State,
    asked: &Asked,
) -> Result<(SessionId, u64), Answer> {
    if shared.does(Misbehaviour::UserinfoDown) {
        return Err(Answer::json(503, &json!({ "error": "temporarily_unavailable" })));
    }
    let Some(access_token) = asked.credentials("bearer") else {
        // No error code if no token was sent (RFC 6750 §3.1).
        let error = json!({ "error": "an access token is missing" });
        return Err(Answer::json(401, &error).with("www-authenticate", "Bearer"));
    };
    match state.sessions.bearer(access_token, shared.now_ms()) {
        Bearer::Good(session, expires_at_ms) => Ok((session, expires_at_ms)),
        Bearer::Expired | Bearer::Revoked | Bearer::Unknown => {
            let challenge = "Bearer error=\"invalid_token\"";
            let error = json!({ "error": "invalid_token" });
            Err(Answer::json(401, &error).with("www-authenticate", challenge))
        }
    }
}
