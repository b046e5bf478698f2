//! Endpoints `/standin/...`, which control a provider in another process.

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::asked::{Asked, Seen};
use crate::context::{Context, lock};
use crate::dialect::Dialect;
use crate::fault::Fault;
use crate::forge::forge;
use crate::misbehaviour::Misbehaviour;

/// Path prefix of these endpoints. Their requests are not logged.
pub(crate) const PREFIX: &str = "/standin/";

/// Default name and scope of a forged session.
const NAME: &str = "Ada Lovelace";
const SCOPE: &str = "openid profile email offline_access";

pub(crate) fn answer(dialect: &Dialect, context: &Context, asked: &Asked, path: &str) -> Answer {
    match (asked.method.as_str(), path) {
        ("POST", "misbehave") => {
            let name = asked.query.one("name").ok_or_else(|| "name is missing".to_owned());
            let misbehaved = name
                .and_then(str::parse::<Misbehaviour>)
                .and_then(|named| misbehave(dialect, context, named));
            match misbehaved {
                Ok(()) => done(),
                Err(reason) => Answer::new(400, "text/plain; charset=utf-8", reason + "\n"),
            }
        }
        ("POST", "behave") => {
            lock(&context.faults).clear();
            done()
        }
        ("POST", "revoke-all") => {
            context.state().sessions.revoke_all();
            done()
        }
        ("POST", "session") => {
            let name = asked.query.one("name").unwrap_or(NAME);
            let scope = asked.query.one("scope").unwrap_or(SCOPE);
            Answer::json(200, &forge(dialect, context, name, scope).document()).not_stored()
        }
        ("GET", "log") => {
            let seen: Vec<_> = lock(&context.log).iter().map(names).collect();
            Answer::json(200, &Value::Array(seen)).not_stored()
        }
        _ => Answer::new(404, "text/plain", "there is nothing here\n"),
    }
}

/// Makes a provider go wrong in the way of this name. The error says that the dialect has
/// nothing to break in this way.
pub(crate) fn misbehave(
    dialect: &Dialect,
    context: &Context,
    misbehaviour: Misbehaviour,
) -> Result<(), String> {
    if !dialect.has(misbehaviour) {
        return Err(format!("{} has nothing for {misbehaviour} to break", dialect.name));
    }
    match misbehaviour {
        Misbehaviour::ExpireAccess => context.state().sessions.expire_access_tokens(),
        Misbehaviour::RevokeSession => context.state().sessions.revoke_all(),
        lasting => {
            if let Some(fault) = Fault::named(lasting) {
                lock(&context.faults).add(fault);
            }
        }
    }
    Ok(())
}

/// A request, with the names of its headers and parameters but not their values.
fn names(seen: &Seen) -> Value {
    let names = |pairs: &[(String, String)]| -> Vec<String> {
        pairs.iter().map(|(name, _)| name.clone()).collect()
    };
    json!({
        "method": seen.method,
        "path": seen.path,
        "headers": names(&seen.headers),
        "parameters": names(&seen.parameters),
        "content_type": seen.header("content-type"),
    })
}

fn done() -> Answer {
    Answer::new(204, "text/plain", "")
}
