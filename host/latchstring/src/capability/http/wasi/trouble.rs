//! Explains in words why there is no response.

use wasip2::http::types::ErrorCode;

use super::Trouble;
use crate::error::printable;

/// Returns one line on why `place` gave no answer. Never shows the URL: its query may contain
/// secrets.
pub(super) fn explain(code: &ErrorCode, place: &str) -> Trouble {
    let (reason, sent) = match code {
        ErrorCode::DnsTimeout => ("its name could not be looked up in time", false),
        ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => ("name not found", false),
        ErrorCode::DestinationUnavailable => ("the host cannot be reached", false),
        ErrorCode::DestinationIpProhibited | ErrorCode::HttpRequestDenied => {
            ("the sandbox does not permit the connection", false)
        }
        ErrorCode::DestinationIpUnroutable => ("the network cannot be reached", false),
        ErrorCode::ConnectionRefused => ("connection refused", false),
        ErrorCode::ConnectionTimeout => ("no connection in time", false),
        ErrorCode::ConnectionTerminated => ("the connection was closed early", true),
        ErrorCode::ConnectionReadTimeout | ErrorCode::ConnectionWriteTimeout => {
            ("the connection timed out", true)
        }
        ErrorCode::TlsCertificateError => {
            ("its certificate is not one that the sandbox trusts", false)
        }
        ErrorCode::TlsProtocolError | ErrorCode::TlsAlertReceived(_) => ("TLS failed", false),
        ErrorCode::HttpResponseIncomplete => {
            ("the connection closed before the response was complete", true)
        }
        ErrorCode::HttpResponseTimeout => ("no response in time", true),
        ErrorCode::HttpProtocolError => ("the response is not HTTP", true),
        ErrorCode::InternalError(Some(reason)) => return unreachable(place, reason, true),
        code => return unreachable(place, &format!("{code:?}"), true),
    };
    unreachable(place, reason, sent)
}

pub(super) fn unreachable(place: &str, reason: &str, sent: bool) -> Trouble {
    Trouble::Unreachable { reason: format!("cannot reach {place}: {}", printable(reason)), sent }
}
