//! Systems that a stand-in can replace.

use std::fmt;
use std::str::FromStr;

/// One of the five systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// Hexclave, formerly Stack Auth: a page and polling, in JSON.
    Hexclave,
    /// AuthGate: code and device grants, metadata that omits endpoints.
    Authgate,
    /// Stytch Connected Apps: a token endpoint with JSON requests and responses.
    Stytch,
    /// Fief: an https issuer even over plain http, and exact redirect URIs.
    Fief,
    /// A mock in the manner of navikt/mock-oauth2-server, which accepts every client and
    /// user.
    Mock,
}

impl System {
    /// All systems.
    pub const ALL: [Self; 5] =
        [Self::Hexclave, Self::Authgate, Self::Stytch, Self::Fief, Self::Mock];

    /// Name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hexclave => "hexclave",
            Self::Authgate => "authgate",
            Self::Stytch => "stytch",
            Self::Fief => "fief",
            Self::Mock => "mock",
        }
    }
}

impl fmt::Display for System {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for System {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|system| system.name() == name);
        known.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("expected one of {names}, found {name}")
        })
    }
}
