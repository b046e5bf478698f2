//! Bodies of requests.

use latchstring_provider::Asked;
use serde_json::{Map, Value};

/// The object a request carries, if it says that it carries JSON.
pub(crate) fn json_object(asked: &Asked) -> Option<Map<String, Value>> {
    if asked.media_type().as_deref() != Some("application/json") {
        return None;
    }
    serde_json::from_slice(&asked.body).ok()
}
