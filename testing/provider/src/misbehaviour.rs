//! Names of faults, for a command line and for tests of several dialects.

use std::fmt;
use std::str::FromStr;

/// A fault that every dialect has, if it has what the fault breaks. It lasts until
/// [`Provider::behave`](crate::Provider::behave).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misbehaviour {
    /// Every access token granted so far has expired. Happens once. Refresh tokens stay
    /// valid.
    ExpireAccess,
    /// Every session so far is revoked. Happens once.
    RevokeSession,
    /// Endpoints that take an access token answer with status 503.
    UserinfoDown,
    /// The redirect lacks the state that was sent.
    NoStateEcho,
    /// Codes have expired when they are used, however soon.
    CodeExpired,
    /// A poll says that another program has received the result.
    PollUsed,
    /// A poll says that the login has expired.
    PollExpired,
    /// A refresh returns no refresh token; the old one stays valid.
    OmitRefreshToken,
    /// The ID token belongs to another login.
    WrongNonce,
    /// The ID token belongs to another access token.
    BadAtHash,
    /// Every endpoint answers with status 503.
    Down,
}

impl Misbehaviour {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::ExpireAccess,
        Self::RevokeSession,
        Self::UserinfoDown,
        Self::NoStateEcho,
        Self::CodeExpired,
        Self::PollUsed,
        Self::PollExpired,
        Self::OmitRefreshToken,
        Self::WrongNonce,
        Self::BadAtHash,
        Self::Down,
    ];

    /// Name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::ExpireAccess => "expire-access",
            Self::RevokeSession => "revoke-session",
            Self::UserinfoDown => "userinfo-down",
            Self::NoStateEcho => "no-state-echo",
            Self::CodeExpired => "code-expired",
            Self::PollUsed => "poll-used",
            Self::PollExpired => "poll-expired",
            Self::OmitRefreshToken => "omit-refresh-token",
            Self::WrongNonce => "wrong-nonce",
            Self::BadAtHash => "bad-at-hash",
            Self::Down => "down",
        }
    }

    /// Whether the fault acts on earlier grants and not on later ones.
    pub fn happens_once(self) -> bool {
        matches!(self, Self::ExpireAccess | Self::RevokeSession)
    }
}

impl fmt::Display for Misbehaviour {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Misbehaviour {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|misbehaviour| misbehaviour.name() == name);
        known.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("expected one of {names}, found {name}")
        })
    }
}
