//! Ways to go wrong.

use std::fmt;
use std::str::FromStr;

use crate::system::System;

/// One way to go wrong, until [`Standin::behave`](crate::Standin::behave).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Misbehaviour {
    /// Every access token granted so far has expired. Happens once; refresh
    /// tokens stay good.
    ExpireAccess,
    /// Every session so far is revoked. Happens once.
    RevokeSession,
    /// Whatever takes an access token answers 503.
    UserinfoDown,
    /// The redirect back lacks the state it was asked to carry.
    NoStateEcho,
    /// Codes have expired when they come back, however soon.
    CodeExpired,
    /// A poll is told that somebody else has had the answer.
    PollUsed,
    /// A poll is told that its time is over.
    PollExpired,
    /// A refresh answers without a refresh token; the old one stays good.
    OmitRefreshToken,
    /// The ID token belongs to another login.
    WrongNonce,
    /// The ID token belongs to another access token.
    BadAtHash,
    /// Everything answers 503.
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

    /// As on the command line.
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

    /// Whether it acts on what was granted before, and not on what comes after.
    pub fn happens_once(self) -> bool {
        matches!(self, Self::ExpireAccess | Self::RevokeSession)
    }

    /// Whether a system has what this would break.
    pub fn concerns(self, system: System) -> bool {
        let polls = matches!(system, System::Hexclave | System::Authgate);
        let redirects = system != System::Hexclave;
        match self {
            Self::PollUsed | Self::PollExpired => polls,
            Self::NoStateEcho | Self::OmitRefreshToken | Self::WrongNonce => redirects,
            Self::BadAtHash => redirects && system != System::Mock,
            Self::ExpireAccess
            | Self::RevokeSession
            | Self::UserinfoDown
            | Self::CodeExpired
            | Self::Down => true,
        }
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
