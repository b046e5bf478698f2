//! The error type for the component's failures and the host's own.

use std::fmt;

use crate::contract::Failure;
pub use crate::contract::{Code, ProviderError};

/// A failure with a stable code, what happened, and what to do next.
///
/// It contains no secrets. Its texts are single lines of printable characters.
#[derive(Clone)]
pub struct Error(Box<Failure>);

impl Error {
    /// Creates an error. `message` says what happened and what was expected, `remedy` what
    /// to do next.
    pub fn new(code: Code, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self(Box::new(Failure {
            code,
            message: printable(&message.into()),
            remedy: printable(&remedy.into()),
            provider: None,
            retryable: false,
        }))
    }

    /// Creates the `sandbox-fault` of a login component that broke the contract. `what`
    /// completes "the login component …".
    pub fn misbehaviour(what: impl fmt::Display) -> Self {
        Self::new(
            Code::SandboxFault,
            format!("the login component {what}"),
            "report it with the version of this program",
        )
    }

    /// Returns the stable code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// Returns what happened and what was expected.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns what to do next.
    pub fn remedy(&self) -> &str {
        &self.0.remedy
    }

    /// Returns the provider's error, or `None` if it sent none
    /// ([RFC 6749 §4.1.2.1](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1),
    /// [§5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)).
    pub fn provider(&self) -> Option<&ProviderError> {
        self.0.provider.as_ref()
    }

    /// Returns this error with another remedy.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.0.remedy = printable(&remedy.into());
        self
    }

    /// Returns this error with `place` added to the message.
    pub fn at(mut self, place: &str) -> Self {
        self.0.message = printable(&format!("{} ({place})", self.0.message));
        self
    }

    /// Returns whether the same attempt may succeed later.
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }
}

impl From<Failure> for Error {
    /// Escapes the texts again: the component does so too, but the host does not rely on
    /// it.
    fn from(failure: Failure) -> Self {
        Self(Box::new(Failure {
            code: failure.code,
            message: printable(&failure.message),
            remedy: printable(&failure.remedy),
            provider: failure.provider.map(|provider| ProviderError {
                error: printable(&provider.error),
                description: provider.description.as_deref().map(printable),
            }),
            retryable: failure.retryable,
        }))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        *error.0
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", code_name(self.code()), self.message())
    }
}

impl std::error::Error for Error {}

/// Returns the code's name in the contract.
pub fn code_name(code: Code) -> &'static str {
    match code {
        Code::InvalidConfiguration => "invalid-configuration",
        Code::UnexpectedReply => "unexpected-reply",
        Code::LoginRequired => "login-required",
        Code::AccessDenied => "access-denied",
        Code::ProviderRefused => "provider-refused",
        Code::Cancelled => "cancelled",
        Code::TimedOut => "timed-out",
        Code::InvalidMetadata => "invalid-metadata",
        Code::InvalidTokenResponse => "invalid-token-response",
        Code::InvalidIdToken => "invalid-id-token",
        Code::InvalidUserinfo => "invalid-userinfo",
        Code::InvalidAccessToken => "invalid-access-token",
        Code::InsufficientScope => "insufficient-scope",
        Code::InvalidDeviceResponse => "invalid-device-response",
        Code::DeviceLoginUnavailable => "device-login-unavailable",
        Code::Unreachable => "unreachable",
        Code::ProviderUnavailable => "provider-unavailable",
        Code::StoredDamaged => "stored-damaged",
        Code::StoredNewer => "stored-newer",
        Code::NotSaved => "not-saved",
        Code::EgressDenied => "egress-denied",
        Code::SandboxFault => "sandbox-fault",
        Code::PortInUse => "port-in-use",
        Code::StoreUnusable => "store-unusable",
        Code::Interrupted => "interrupted",
        Code::HostFault => "host-fault",
    }
}

/// Returns `text` with control characters, and characters that can reorder or hide text,
/// written as escapes.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match is_printable(c) {
            true => out.push(c),
            false => out.extend(c.escape_unicode()),
        }
    }
    out
}

/// Returns whether a terminal shows the character itself: it is no control character (C0,
/// C1) and cannot reorder or hide the rest of a line.
pub fn is_printable(c: char) -> bool {
    !c.is_control() && !is_format_control(c)
}

/// Returns whether the character is invisible and changes how the rest of a line is read:
/// bidirectional controls, line and paragraph separators, and the tag block.
fn is_format_control(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}
