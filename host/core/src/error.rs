//! What went wrong, in the contract's terms: one error type for the component's
//! failures and the host's own.

use std::fmt;

use crate::contract::Failure;
pub use crate::contract::{Code, ProviderError};

/// A failure with a stable code, what happened, and what to do next.
///
/// Holds no secret, and its texts are one line of printable characters.
#[derive(Clone)]
pub struct Error(Box<Failure>);

impl Error {
    /// `message` says what happened and what was expected, `remedy` what to do next.
    pub fn new(code: Code, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self(Box::new(Failure {
            code,
            message: printable(&message.into()),
            remedy: printable(&remedy.into()),
            provider: None,
            retryable: false,
        }))
    }

    /// The login component did what none may do: `what` it did.
    pub fn misbehaviour(what: impl fmt::Display) -> Self {
        Self::new(
            Code::SandboxFault,
            format!("the login component {what}"),
            "report it with the version of this program",
        )
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// What happened, and what was expected.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What to do next.
    pub fn remedy(&self) -> &str {
        &self.0.remedy
    }

    /// The provider's own error, where it sent one (RFC 6749 §4.1.2.1, §5.2).
    pub fn provider(&self) -> Option<&ProviderError> {
        self.0.provider.as_ref()
    }

    /// The same with another advice.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.0.remedy = printable(&remedy.into());
        self
    }

    /// The same, naming the place where it happened.
    pub fn at(mut self, place: &str) -> Self {
        self.0.message = printable(&format!("{} ({place})", self.0.message));
        self
    }

    /// Whether the same attempt may work later.
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }
}

impl From<Failure> for Error {
    /// The component escapes its texts; a host does not take its word for it.
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

/// The code as the contract spells it.
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

/// `text` with every control character, and every character that can reorder a
/// line, written as an escape.
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

/// Whether a terminal shows the character and nothing else: it is no control (C0, C1)
/// and cannot reorder or hide the rest of a line.
pub fn is_printable(c: char) -> bool {
    !c.is_control() && !is_format_control(c)
}

/// Bidirectional controls, line and paragraph separators, and the tag block:
/// invisible characters that change how the rest of a line is read.
fn is_format_control(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}
