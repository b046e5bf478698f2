//! Summarises a transcript for the user: one line for each reply and answer.

use serde_json::Value;

use super::stage::Answer;
use crate::drive::without_query;
use crate::error::printable;

/// Returns what a session was opened for, and with which client.
pub(super) fn opening(function: &str, parameters: &Value) -> String {
    let client = &parameters["client"];
    let issuer = client["issuer"].as_str().unwrap_or("a provider without an issuer identifier");
    let client_id = client["client-id"].as_str().unwrap_or_default();
    printable(&format!("{function} at {issuer} as {client_id}"))
}

/// Returns the host's reply in words.
pub(super) fn reply(reply: &Value) -> String {
    let (name, payload) = case(reply);
    printable(&match name {
        "answered" => match case(payload) {
            ("ok", response) => {
                let body = match case(&response["body"]) {
                    ("text", text) => format!("{} bytes", text.as_str().map_or(0, str::len)),
                    _ => "no text".to_owned(),
                };
                format!("response {}, {body}", response["status"])
            }
            (_, reason) => no_response(reason),
        },
        "locked" if payload.is_null() => "locked, nothing stored".to_owned(),
        "locked" => "locked, a session stored".to_owned(),
        "redirected" => format!("redirected to {}", without_query(text(payload))),
        "chosen" => format!("chosen {}", text(payload)),
        "not-saved" => format!("not-saved: {}", text(payload)),
        name => name.to_owned(),
    })
}

/// Returns in words why there is no response.
fn no_response(reason: &Value) -> String {
    match case(reason) {
        ("unreachable", payload) => format!("unreachable: {}", text(&payload["reason"])),
        ("too-large", limit) => format!("too large: more than {limit} bytes"),
        (name, payload) => format!("{name}: {}", text(payload)),
    }
}

/// Returns the component's answer in words.
pub(super) fn answer(answer: &Answer) -> String {
    match answer {
        Ok(action) => self::action(action),
        Err(failure) => self::failure(failure),
    }
}

/// Returns the code and the message of a failure.
pub(super) fn failure(failure: &Value) -> String {
    printable(&format!("fails with {}: {}", text(&failure["code"]), text(&failure["message"])))
}

fn action(action: &Value) -> String {
    let (name, payload) = case(action);
    printable(&match name {
        "exchange" => {
            let request = &payload["request"];
            let method = text(&request["method"]).to_uppercase();
            let url = without_query(text(&request["url"]));
            let wait = match payload["wait-ms"].as_u64() {
                None | Some(0) => String::new(),
                Some(ms) => format!(" after {ms} ms"),
            };
            format!("exchange {}: {method} {url}{wait}", text(&payload["purpose"]))
        }
        "authorize" => {
            let notice = payload["notice"].as_str();
            let notice = notice.map_or(String::new(), |notice| format!(", again: {notice}"));
            let flow = text(&payload["flow"]);
            format!("authorize by {flow}: {}{notice}", without_query(text(&payload["url"])))
        }
        "present" => {
            format!("present a code for {}", without_query(text(&payload["verification-uri"])))
        }
        "visit" => format!("visit {}", without_query(text(&payload["url"]))),
        "offer" => format!("offer other ways: {}", text(&payload["reason"])),
        "save" if payload.is_null() => "save: delete the session".to_owned(),
        "done" => match case(payload) {
            ("granted", grant) => format!("done: a token, source {}", text(&grant["source"])),
            (outcome, _) => format!("done: {outcome}"),
        },
        name => name.to_owned(),
    })
}

/// Returns the name and the payload of a case; the payload is null if there is none.
pub(super) fn case(value: &Value) -> (&str, &Value) {
    match value {
        Value::String(name) => (name, &Value::Null),
        Value::Object(members) => {
            members.iter().next().map_or(("", &Value::Null), |(name, payload)| (name, payload))
        }
        _ => ("", &Value::Null),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
