//! Kinds of endpoints.

/// An endpoint that more than one system has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// OpenID Connect Discovery §4, RFC 8414 §3.
    Metadata,
    /// RFC 7517 §5.
    Jwks,
    /// RFC 6749 §3.1.
    Authorization,
    /// RFC 6749 §3.2.
    Token,
    /// RFC 8628 §3.1.
    DeviceAuthorization,
    /// The page on which a user enters the code of a device (RFC 8628 §3.3).
    Verification,
    /// OpenID Connect Core §5.3.
    Userinfo,
    /// RFC 7009 §2.
    Revocation,
    /// RFC 7662 §2.
    Introspection,
    /// OpenID Connect RP-Initiated Logout §2.
    EndSession,
}

impl Endpoint {
    /// The methods that it answers.
    pub(crate) fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Metadata | Self::Jwks | Self::EndSession => &["GET"],
            Self::Authorization | Self::Verification | Self::Userinfo => &["GET", "POST"],
            Self::Token | Self::DeviceAuthorization | Self::Revocation | Self::Introspection => {
                &["POST"]
            }
        }
    }

    /// The member of the metadata that has its URL (RFC 8414 §2). `None` if no member is
    /// registered for it.
    pub(crate) fn member(self) -> Option<&'static str> {
        match self {
            Self::Metadata | Self::Verification => None,
            Self::Jwks => Some("jwks_uri"),
            Self::Authorization => Some("authorization_endpoint"),
            Self::Token => Some("token_endpoint"),
            Self::DeviceAuthorization => Some("device_authorization_endpoint"),
            Self::Userinfo => Some("userinfo_endpoint"),
            Self::Revocation => Some("revocation_endpoint"),
            Self::Introspection => Some("introspection_endpoint"),
            Self::EndSession => Some("end_session_endpoint"),
        }
    }
}
