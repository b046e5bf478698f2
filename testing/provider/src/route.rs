//! Routing of requests to endpoints, and application of faults.

use crate::answer::Answer;
use crate::asked::Asked;
use crate::authorize::authorize;
use crate::metadata;
use crate::shared::{Shared, lock};
use crate::token::{revoke, token};
use crate::userinfo::userinfo;

/// Returns the endpoint's response, changed by faults.
pub(crate) fn answer(shared: &Shared, asked: &Asked) -> Answer {
    let path = asked.path.as_str();
    let instead = lock(&shared.faults).iter_mut().find_map(|fault| fault.instead_of(path));
    let mut answer = instead.unwrap_or_else(|| route(shared, asked));
    let keys = lock(&shared.keys);
    for fault in lock(&shared.faults).iter_mut() {
        fault.apply(path, &mut answer, &keys);
    }
    answer
}

fn route(shared: &Shared, asked: &Asked) -> Answer {
    match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", path) if metadata::PATHS.contains(&path) => {
            Answer::json(200, &metadata::document(&shared.issuer, &shared.options))
        }
        ("GET", "/jwks") => Answer::json(200, &lock(&shared.keys).jwks()),
        ("GET" | "POST", "/authorize") => authorize(shared, asked),
        ("GET" | "POST", "/userinfo") => userinfo(shared, asked),
        ("POST", "/token") => token(shared, asked),
        ("POST", "/revoke") => revoke(shared, asked),
        (_, "/token" | "/revoke") => not_allowed("POST"),
        (_, "/authorize" | "/userinfo") => not_allowed("GET, POST"),
        (_, path) if path == "/jwks" || metadata::PATHS.contains(&path) => not_allowed("GET"),
        _ => Answer::new(404, "text/plain", "there is nothing here\n"),
    }
}

fn not_allowed(methods: &str) -> Answer {
    Answer::new(405, "text/plain", "").with("allow", methods)
}
