//! Endpoint `/userinfo`: claims about the user of a valid access token (OpenID Connect
//! Core §5.3, RFC 6750).

use serde_json::Value;

use crate::answer::Answer;
use crate::asked::Asked;
use crate::shared::{Shared, lock};
use crate::user;

pub(crate) fn userinfo(shared: &Shared, asked: &Asked) -> Answer {
    let Some(access_token) = asked.credentials("bearer") else {
        // No error code if no token was sent (RFC 6750 §3.1).
        return challenge(401, "Bearer realm=\"latchstring\"");
    };
    let grants = lock(&shared.grants);
    let Some((consent, scopes)) = grants.bearer(access_token, shared.now_ms()) else {
        return challenge(401, "Bearer realm=\"latchstring\", error=\"invalid_token\"");
    };
    if !scopes.iter().any(|scope| scope == "openid") {
        let lacking =
            "Bearer realm=\"latchstring\", error=\"insufficient_scope\", scope=\"openid\"";
        return challenge(403, lacking);
    }
    let claims = Value::Object(user::claims(&consent.name, scopes));
    Answer::json(200, &claims).not_stored()
}

fn challenge(status: u16, challenge: &str) -> Answer {
    Answer::new(status, "text/plain", "").not_stored().with("www-authenticate", challenge)
}
