//! The error type for the component's failures and the host's own.

use std::fmt;
use std::sync::Arc;

use crate::contract::{self, Failure};

/// A failure with a stable code, what happened, and what to do next.
///
/// It contains no secrets. Its texts are single lines of printable characters.
#[derive(Clone)]
pub struct Error(Box<Parts>);

#[derive(Clone)]
struct Parts {
    code: Code,
    message: String,
    remedy: String,
    provider: Option<ProviderError>,
    retryable: bool,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// The error that a provider sent
/// ([RFC 6749 §4.1.2.1](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1),
/// [§5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)), escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProviderError {
    /// The error code, such as `access_denied`.
    pub error: String,
    /// The provider's explanation, or `None` if it sent none.
    pub description: Option<String>,
}

impl Error {
    /// Creates an error. `message` says what happened and what was expected, `remedy` what
    /// to do next.
    pub fn new(code: Code, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            code,
            message: printable(&message.into()),
            remedy: printable(&remedy.into()),
            provider: None,
            retryable: false,
            source: None,
        }))
    }

    /// Creates the `sandbox-fault` of a login component that broke the contract. `what`
    /// completes "the login component …".
    pub fn misbehaviour(what: impl fmt::Display) -> Self {
        Self::new(
            Code::SandboxFault,
            format!("the login component {what}"),
            "report this bug, with the version of this program",
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

    /// Returns the provider's error, or `None` if it sent none.
    pub fn provider(&self) -> Option<&ProviderError> {
        self.0.provider.as_ref()
    }

    /// Returns this error with another remedy.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.0.remedy = printable(&remedy.into());
        self
    }

    /// Returns this error with the error that caused it, which must contain no secret.
    #[must_use]
    pub fn caused_by(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.0.source = Some(Arc::new(source));
        self
    }

    /// Returns this error as one after which the same attempt may succeed later.
    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.0.retryable = true;
        self
    }

    /// Returns this error with `place` added to the message.
    #[must_use]
    pub fn at(mut self, place: &str) -> Self {
        self.0.message = printable(&format!("{} ({place})", self.0.message));
        self
    }

    /// Returns whether the same attempt may succeed later.
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }

    /// Returns whether only a login can help: there is no session, or the provider has
    /// ended it.
    pub fn is_login_required(&self) -> bool {
        self.code() == Code::LoginRequired
    }

    /// Returns whether the user denied or cancelled the login, or interrupted the program.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.code(), Code::AccessDenied | Code::Cancelled | Code::Interrupted)
    }

    /// Returns whether the provider could not be asked, or could not answer.
    pub fn is_network(&self) -> bool {
        matches!(self.code(), Code::Unreachable | Code::ProviderUnavailable)
    }

    /// Returns whether a session could not be read or stored.
    pub fn is_storage(&self) -> bool {
        matches!(
            self.code(),
            Code::StoredDamaged | Code::StoredNewer | Code::NotSaved | Code::StoreUnusable
        )
    }
}

/// Longest text of a failure, in characters. No honest one is nearly as long.
const LONGEST_TEXT: usize = 4096;

/// Returns a text of the component as it may be shown: escaped, and not endless. The
/// component does so too, but the host does not rely on it.
fn shown(text: &str) -> String {
    match text.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => printable(&text[..end]) + "...",
        None => printable(text),
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self(Box::new(Parts {
            code: failure.code.into(),
            message: shown(&failure.message),
            remedy: shown(&failure.remedy),
            provider: failure.provider.map(|provider| ProviderError {
                error: shown(&provider.error),
                description: provider.description.as_deref().map(shown),
            }),
            retryable: failure.retryable,
            source: None,
        }))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let Parts { code, message, remedy, provider, retryable, .. } = *error.0;
        let provider = provider.map(|ProviderError { error, description }| {
            contract::ProviderError { error, description }
        });
        Self { code: code.into(), message, remedy, provider, retryable }
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

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// Defines [`Code`] and its names from one list. A code of the contract that is missing in
/// it does not compile.
macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident $name:literal)*) => {
        /// A stable code for what went wrong.
        ///
        /// Later versions may add codes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])* $code,)*
        }

        impl From<contract::Code> for Code {
            fn from(code: contract::Code) -> Self {
                match code {
                    $(contract::Code::$code => Self::$code,)*
                }
            }
        }

        impl From<Code> for contract::Code {
            fn from(code: Code) -> Self {
                match code {
                    $(Code::$code => Self::$code,)*
                }
            }
        }

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

codes! {
    /// The caller's settings cannot work.
    InvalidConfiguration "invalid-configuration"
    /// A host answered the component with a reply that does not fit.
    UnexpectedReply "unexpected-reply"
    /// There is no session, or the provider has ended it.
    LoginRequired "login-required"
    /// The user denied the access (`access_denied`).
    AccessDenied "access-denied"
    /// The provider refused a request.
    ProviderRefused "provider-refused"
    /// The user cancelled the login.
    Cancelled "cancelled"
    /// The login was not finished in time.
    TimedOut "timed-out"
    /// The metadata cannot be used
    /// ([RFC 8414 §3.3](https://www.rfc-editor.org/rfc/rfc8414#section-3.3)).
    InvalidMetadata "invalid-metadata"
    /// The token response cannot be used
    /// ([RFC 6749 §5](https://www.rfc-editor.org/rfc/rfc6749#section-5)).
    InvalidTokenResponse "invalid-token-response"
    /// The ID token failed a check
    /// ([OpenID Connect Core §3.1.3.7](https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation)).
    InvalidIdToken "invalid-id-token"
    /// The userinfo response cannot be used
    /// ([OpenID Connect Core §5.3](https://openid.net/specs/openid-connect-core-1_0.html#UserInfo)).
    InvalidUserinfo "invalid-userinfo"
    /// The access token failed a check
    /// ([RFC 9068 §4](https://www.rfc-editor.org/rfc/rfc9068#section-4)).
    InvalidAccessToken "invalid-access-token"
    /// The access token does not allow what is required
    /// ([RFC 6750 §3.1](https://www.rfc-editor.org/rfc/rfc6750#section-3.1)).
    InsufficientScope "insufficient-scope"
    /// The device authorization response cannot be used
    /// ([RFC 8628 §3.2](https://www.rfc-editor.org/rfc/rfc8628#section-3.2)).
    InvalidDeviceResponse "invalid-device-response"
    /// The provider has no device authorization endpoint.
    DeviceLoginUnavailable "device-login-unavailable"
    /// The resource takes only tokens that are bound to a key
    /// ([RFC 9449](https://www.rfc-editor.org/rfc/rfc9449)), and the client has none.
    BoundTokenRequired "bound-token-required"
    /// The provider cannot be reached.
    Unreachable "unreachable"
    /// The provider responded that it cannot answer now.
    ProviderUnavailable "provider-unavailable"
    /// The stored session cannot be read.
    StoredDamaged "stored-damaged"
    /// A newer version wrote the stored session.
    StoredNewer "stored-newer"
    /// The new session could not be stored.
    NotSaved "not-saved"
    /// The egress policy forbids a request or a URL.
    EgressDenied "egress-denied"
    /// The component trapped, exceeded its limits or broke the contract.
    SandboxFault "sandbox-fault"
    /// No allowed port could be bound.
    PortInUse "port-in-use"
    /// The store cannot be used.
    StoreUnusable "store-unusable"
    /// The user interrupted the program.
    Interrupted "interrupted"
    /// Something else, as the message says.
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

#[cfg(test)]
mod tests {
    use std::error::Error as _;
    use std::io;

    use super::*;

    #[test]
    fn a_code_has_one_name_and_one_kind() {
        for (name, kinds) in [
            ("login-required", [true, false, false, false]),
            ("cancelled", [false, true, false, false]),
            ("unreachable", [false, false, true, false]),
            ("stored-damaged", [false, false, false, true]),
            ("host-fault", [false; 4]),
        ] {
            let code = code_named(name).expect(name);
            assert_eq!(code_name(code), name);
            let error = Error::new(code, "a", "b");
            let found = [
                error.is_login_required(),
                error.is_cancelled(),
                error.is_network(),
                error.is_storage(),
            ];
            assert_eq!(found, kinds, "{name}");
        }
        assert_eq!(code_named("trouble"), None);
    }

    #[test]
    fn a_failure_is_shown_escaped_and_cut_off() {
        let failure = |message: String| Failure {
            code: Code::HostFault.into(),
            message,
            remedy: "\u{1b}[2J".to_owned(),
            provider: None,
            retryable: false,
        };
        let error = Error::from(failure("é".repeat(5000)));
        assert_eq!(error.message(), "é".repeat(4096) + "...");
        assert_eq!(error.remedy(), "\\u{1b}[2J");
        assert_eq!(Error::from(failure("é".repeat(4096))).message(), "é".repeat(4096));
    }

    #[test]
    fn an_error_names_its_cause_and_survives_the_contract_without_it() {
        let error = Error::new(Code::NotSaved, "cannot write", "make room").retryable();
        assert!(error.source().is_none());
        let error = error.caused_by(io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(error.source().expect("a cause").to_string(), "no storage space");
        let back = Error::from(Failure::from(error));
        assert_eq!((back.code(), back.message()), (Code::NotSaved, "cannot write"));
        assert!(back.is_retryable() && back.source().is_none());
    }
}
