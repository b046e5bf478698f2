//! Exit codes: one for each kind of failure that a script may want to distinguish.

use std::sync::atomic::{AtomicU8, Ordering};

use latchstring::Code;

pub(crate) const FAILURE: u8 = 1;
pub(crate) const USAGE: u8 = 2;

/// The shells' codes for a command that cannot be executed, and one that does not exist.
#[cfg(not(target_os = "wasi"))]
pub(crate) const NOT_EXECUTABLE: u8 = 126;
#[cfg(not(target_os = "wasi"))]
pub(crate) const NOT_FOUND: u8 = 127;

/// A replay that differs from the recording.
pub(crate) const DIFFERENT: u8 = 6;

/// 128 plus the signal's number, as in shells. SIGINT unless another signal came.
static INTERRUPTED: AtomicU8 = AtomicU8::new(130);

/// Records which signal ends this program.
#[cfg(unix)]
pub(crate) fn interrupted_by(signal: i32) {
    if let Ok(signal) = u8::try_from(signal) {
        INTERRUPTED.store(signal.saturating_add(128), Ordering::Relaxed);
    }
}

pub(crate) fn code(code: Code) -> u8 {
    match code {
        Code::InvalidConfiguration | Code::BoundTokenRequired => USAGE,
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
        Code::Interrupted => INTERRUPTED.load(Ordering::Relaxed),
        _ => FAILURE,
    }
}
