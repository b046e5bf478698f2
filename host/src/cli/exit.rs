//! Exit codes: one for each kind of failure that a script may want to tell apart.

use latchstring::Code;

pub(crate) const USAGE: u8 = 2;

/// A replay that came to something else than was recorded.
pub(crate) const DIFFERENT: u8 = 6;

pub(crate) fn code(code: Code) -> u8 {
    match code {
        Code::UnexpectedReply | Code::PortInUse | Code::HostFault => 1,
        Code::InvalidConfiguration => USAGE,
        Code::LoginRequired => 3,
        Code::AccessDenied
        | Code::ProviderRefused
        | Code::Cancelled
        | Code::InsufficientScope
        | Code::DeviceLoginUnavailable => 4,
        Code::TimedOut => 5,
        Code::InvalidMetadata
        | Code::InvalidTokenResponse
        | Code::InvalidIdToken
        | Code::InvalidUserinfo
        | Code::InvalidAccessToken
        | Code::InvalidDeviceResponse
        | Code::EgressDenied
        | Code::SandboxFault => 6,
        Code::Unreachable | Code::ProviderUnavailable => 7,
        Code::StoredDamaged | Code::StoredNewer | Code::NotSaved | Code::StoreUnusable => 8,
        Code::Interrupted => 130,
    }
}
