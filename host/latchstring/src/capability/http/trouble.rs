//! Connection errors in plain words.

use std::error::Error as StdError;
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::time::Duration;
use std::{fmt, iter};

use rustls::CertificateError;

use super::Trouble;
use crate::error::printable;

/// The error of a name that resolves to an address that is not public.
#[derive(Debug)]
pub(super) struct NotPublic {
    pub(super) name: String,
    pub(super) address: IpAddr,
}

impl fmt::Display for NotPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} leads to {}, which is not a public address", self.name, self.address)
    }
}

impl StdError for NotPublic {}

/// Returns why `place` gave no response, in one line. Never includes the URL, whose query
/// may have secrets.
pub(super) fn explain(error: &reqwest::Error, place: &str, connect_timeout: Duration) -> Trouble {
    if let Some(not_public) = find::<NotPublic>(error) {
        return Trouble::Denied(printable(&not_public.to_string()));
    }
    let reason = reason(error, connect_timeout);
    Trouble::Unreachable {
        reason: format!("cannot reach {place}: {}", printable(&reason)),
        sent: !error.is_connect(),
    }
}

/// Formats a duration for the user: whole seconds, or milliseconds below one second.
pub(super) fn seconds(duration: Duration) -> String {
    match duration.as_secs() {
        0 => format!("{} ms", duration.as_millis()),
        seconds => format!("{seconds} s"),
    }
}

fn reason(error: &reqwest::Error, connect_timeout: Duration) -> String {
    if let Some(error) = find::<rustls::Error>(error) {
        return tls_reason(error);
    }
    if error.is_dns() {
        return format!("name not found ({})", lookup_words(&innermost(error)));
    }
    if error.is_timeout() {
        return format!("no connection after {}", seconds(connect_timeout));
    }
    if let Some(words) = chain(error).filter_map(|error| error.downcast_ref()).find_map(io_reason) {
        return words.to_owned();
    }
    if let Some(error) = find::<hyper::Error>(error) {
        if error.is_incomplete_message() {
            return "the connection closed before the response was complete".to_owned();
        }
        if error.is_parse() {
            return "the response is not HTTP".to_owned();
        }
    }
    innermost(error)
}

/// Returns the resolver's message without the standard library's prefix.
fn lookup_words(words: &str) -> &str {
    words.strip_prefix("failed to lookup address information: ").unwrap_or(words)
}

fn io_reason(error: &io::Error) -> Option<&'static str> {
    Some(match error.kind() {
        ErrorKind::ConnectionRefused => "connection refused",
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => "the connection was reset",
        ErrorKind::ConnectionAborted | ErrorKind::UnexpectedEof => {
            "the connection was closed early"
        }
        ErrorKind::HostUnreachable => "the host cannot be reached",
        ErrorKind::NetworkUnreachable => "the network cannot be reached",
        ErrorKind::PermissionDenied => "this system does not permit the connection",
        ErrorKind::TimedOut => "the connection timed out",
        _ => return None,
    })
}

fn tls_reason(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(error) => {
            format!("its certificate is not trusted: {}", certificate_reason(error))
        }
        rustls::Error::InvalidMessage(_) => "it does not speak TLS".to_owned(),
        rustls::Error::PeerIncompatible(_) => {
            "it has no TLS version or cipher in common with this program".to_owned()
        }
        rustls::Error::AlertReceived(alert) => format!("it refused TLS ({alert:?})"),
        error => format!("TLS failed ({error})"),
    }
}

fn certificate_reason(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => "this system does not know its issuer".to_owned(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet by this machine's clock".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another name".to_owned()
        }
        CertificateError::Revoked => "it has been revoked".to_owned(),
        error => error.to_string(),
    }
}

/// Returns the text of the root cause.
fn innermost(error: &reqwest::Error) -> String {
    match chain(error).last() {
        // A request error's text could include its URL.
        Some(last) if !last.is::<reqwest::Error>() => last.to_string(),
        _ => "the request failed".to_owned(),
    }
}

fn find<E: StdError + 'static>(error: &reqwest::Error) -> Option<&E> {
    chain(error).find_map(|error| error.downcast_ref())
}

/// Iterates over an error and its causes. `source` does not return what an I/O error wraps.
fn chain(error: &reqwest::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    let first: &(dyn StdError + 'static) = error;
    iter::successors(Some(first), |&error| {
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        wrapped.map(|wrapped| wrapped as _).or_else(|| error.source())
    })
}

#[cfg(test)]
mod tests {
    use rustls::AlertDescription;

    use super::*;

    #[test]
    fn certificates_are_explained_in_plain_words() {
        let reason = |error| tls_reason(&rustls::Error::InvalidCertificate(error));
        let rows = [
            (CertificateError::UnknownIssuer, "this system does not know its issuer"),
            (CertificateError::Expired, "it has expired"),
            (CertificateError::NotValidYet, "it is not valid yet by this machine's clock"),
            (CertificateError::NotValidForName, "it is for another name"),
        ];
        for (error, words) in rows {
            assert_eq!(reason(error), format!("its certificate is not trusted: {words}"));
        }
        let alert = rustls::Error::AlertReceived(AlertDescription::ProtocolVersion);
        assert_eq!(tls_reason(&alert), "it refused TLS (ProtocolVersion)");
    }

    #[test]
    fn durations_are_shown_in_seconds() {
        assert_eq!(seconds(Duration::from_secs(10)), "10 s");
        assert_eq!(seconds(Duration::from_millis(250)), "250 ms");
    }
}
