//! Endpoints `/standin/...`, which control a stand-in in another process.

use crate::{Answer, Asked};
use serde_json::Value;

use crate::standins::forge::forge;
use crate::standins::misbehaviour::Misbehaviour;
use crate::standins::seen::Seen;
use crate::standins::shared::Shared;

/// Default name and scope of a forged session.
const NAME: &str = "Ada Lovelace";
const SCOPE: &str = "openid profile email offline_access";

pub(crate) fn answer(shared: &Shared, asked: &Asked, path: &str) -> Answer {
    match (asked.method.as_str(), path) {
        ("POST", "misbehave") => misbehave(shared, asked),
        ("POST", "behave") => {
            shared.behave();
            done()
        }
        ("POST", "revoke-all") => {
            shared.state().sessions.revoke_all();
            done()
        }
        ("POST", "session") => {
            let name = asked.query.one("name").unwrap_or(NAME);
            let scope = asked.query.one("scope").unwrap_or(SCOPE);
            Answer::json(200, &forge(shared, name, scope).document()).not_stored()
        }
        ("GET", "log") => {
            let seen: Vec<_> = shared.log().iter().map(Seen::document).collect();
            Answer::json(200, &Value::Array(seen)).not_stored()
        }
        _ => Answer::new(404, "text/plain", "there is nothing here\n"),
    }
}

fn misbehave(shared: &Shared, asked: &Asked) -> Answer {
    let name = asked.query.one("name").ok_or_else(|| "name is missing".to_owned());
    let misbehaved =
        name.and_then(str::parse::<Misbehaviour>).and_then(|named| shared.misbehave(named));
    match misbehaved {
        Ok(()) => done(),
        Err(reason) => Answer::new(400, "text/plain; charset=utf-8", format!("{reason}\n")),
    }
}

fn done() -> Answer {
    Answer::new(204, "text/plain", "")
}
