//! Values that the other side knows, and secrets that no failure may contain.

use serde_json::Value;

use super::seen::Sent;
use crate::contract::{EpochMs, Failure, Response};

/// Secrets that a request may contain as a parameter or a header.
const SENT_SECRETS: [&str; 13] = [
    "code",
    "code_verifier",
    "refresh_token",
    "token",
    "client_secret",
    "device_code",
    "polling_code",
    "anon_refresh_token",
    "authorization",
    "x-hexclave-refresh-token",
    "x-hexclave-access-token",
    "x-stack-refresh-token",
    "x-stack-access-token",
];

const RECEIVED_SECRETS: [&str; 7] = [
    "access_token",
    "refresh_token",
    "id_token",
    "polling_code",
    "login_code",
    "client_secret",
    "registration_access_token",
];

/// Values that the other side has learned so far.
pub(super) struct Known {
    pub(super) now_ms: EpochMs,
    pub(super) nonce: Option<String>,
    pub(super) state: String,
    /// Secrets that must never appear in a failure.
    secrets: Vec<String>,
}

impl Known {
    pub(super) fn at(now_ms: EpochMs) -> Self {
        Self { now_ms, nonce: None, state: String::new(), secrets: Vec::new() }
    }

    pub(super) fn read_request(&mut self, sent: &Sent) {
        for name in SENT_SECRETS {
            self.secrets.extend(sent.parameter(name));
            let value = sent.header(name).map(|value| value.trim_start_matches("Bearer "));
            self.secrets.extend(value.map(str::to_owned));
        }
    }

    pub(super) fn read_response(&mut self, response: &Response) {
        if let Ok(body) = serde_json::from_slice::<Value>(&response.body) {
            for field in RECEIVED_SECRETS {
                self.secrets.extend(body[field].as_str().map(str::to_owned));
            }
        }
    }

    /// Checks that the texts of a failure are single lines without control characters and
    /// secrets.
    #[track_caller]
    pub(super) fn check_texts(&self, failure: &Failure) {
        let said = failure.provider.iter();
        let foreign = said.flat_map(|said| [Some(&said.error), said.description.as_ref()]);
        let secrets = self.secrets.iter().chain([&self.state]).chain(&self.nonce);
        let secrets: Vec<&String> = secrets.filter(|secret| !secret.is_empty()).collect();
        for text in [&failure.message, &failure.remedy].into_iter().chain(foreign.flatten()) {
            assert!(!text.chars().any(char::is_control), "not one safe line: {text:?}");
            assert!(!secrets.iter().any(|secret| text.contains(*secret)), "a secret: {text}");
        }
    }
}
