//! The server's HTTP responses.

use http::StatusCode;
use latchstring::ApiResponse;

use super::message::{Fault, MESSAGE_BYTES};

/// Returns the value of a header, or `None` if it is missing. `name` is in lower case.
pub(super) fn header<'a>(response: &'a ApiResponse, name: &str) -> Option<&'a str> {
    response.headers().find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// Returns the fault for a response with an error status. `reason` is the server's own.
pub(super) fn refusal(status: u16, reason: Option<&str>) -> Fault {
    let words = StatusCode::from_u16(status).unwrap_or_default().to_string();
    let message = match (reason, status) {
        (Some(reason), _) => format!("the server answered {words}: {reason}"),
        (None, 300..=399) => {
            format!("the server answered {words}; redirects are not followed, check the URL")
        }
        (None, _) => format!("the server answered {words}"),
    };
    Fault::new("http-status", message)
}

/// Whether the server has accepted the request.
pub(super) fn is_success(response: &ApiResponse) -> bool {
    (200..300).contains(&response.status())
}

/// Whether the response is a stream of events.
pub(super) fn is_event_stream(response: &ApiResponse) -> bool {
    let media_type = header(response, "content-type").and_then(|value| value.split(';').next());
    is_success(response)
        && media_type.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/event-stream"))
}

/// Reads a response body as a whole.
pub(super) async fn read_body(mut response: ApiResponse) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > MESSAGE_BYTES {
            let message = format!("the server's answer has more than {MESSAGE_BYTES} bytes");
            return Err(Fault::new("invalid-response", message));
        }
    }
    Ok(body)
}
