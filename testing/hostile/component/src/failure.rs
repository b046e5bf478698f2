//! The failure by which a session ends.

use crate::contract::{Code, Failure};

pub(crate) fn failure(code: Code, message: &str) -> Failure {
    Failure {
        code,
        message: message.to_owned(),
        remedy: String::new(),
        provider: None,
        retryable: false,
    }
}
