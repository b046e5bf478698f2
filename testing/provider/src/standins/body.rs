//! Request bodies.

use crate::Asked;
use serde_json::{Map, Value};

/// Returns the JSON object of a request, if its content type is JSON.
pub(crate) fn json_object(asked: &Asked) -> Option<Map<String, Value>> {
    if asked.media_type().as_deref() != Some("application/json") {
        return None;
    }
    serde_json::from_slice(&asked.body).ok()
}
