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

/// Defines both directions of the code names from one list. A code of the contract that is
/// missing in it does not compile.
macro_rules! code_names {
    ($($code:ident $name:literal)*) => {
        /// Returns the code's name in the contract.
        pub fn code_name(code: Code) -> &'static str {
            match code {
                $(Code::$code => $name,)*
            }
        }

        /// Returns the code with this name, or `None` if the contract has no such code.
        pub fn code_named(name: &str) -> Option<Code> {
            match name {
                $($name => Some(Code::$code),)*
                _ => None,
            }
        }
    };
}

code_names! {
    InvalidConfiguration "invalid-configuration"
    UnexpectedReply "unexpected-reply"
    LoginRequired "login-required"
    AccessDenied "access-denied"
    ProviderRefused "provider-refused"
    Cancelled "cancelled"
    TimedOut "timed-out"
    InvalidMetadata "invalid-metadata"
    InvalidTokenResponse "invalid-token-response"
    InvalidIdToken "invalid-id-token"
    InvalidUserinfo "invalid-userinfo"
    InvalidAccessToken "invalid-access-token"
    InsufficientScope "insufficient-scope"
    InvalidDeviceResponse "invalid-device-response"
    DeviceLoginUnavailable "device-login-unavailable"
    Unreachable "unreachable"
    ProviderUnavailable "provider-unavailable"
    StoredDamaged "stored-damaged"
    StoredNewer "stored-newer"
    NotSaved "not-saved"
    EgressDenied "egress-denied"
    SandboxFault "sandbox-fault"
    PortInUse "port-in-use"
    StoreUnusable "store-unusable"
    Interrupted "interrupted"
    HostFault "host-fault"
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
