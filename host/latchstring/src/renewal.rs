//! Where tokens are renewed: in this process, or in one that outlives it.

#[cfg(not(target_os = "wasi"))]
mod process;

#[cfg(not(target_os = "wasi"))]
pub use process::{RenewalProcess, serve_renewal};

/// Where access tokens are renewed.
#[derive(Clone, Default)]
pub enum Renewal {
    /// In this process. A renewal continues if its caller stops waiting, until the runtime
    /// ends. If the process ends during a renewal, the session may be lost.
    #[default]
    ThisProcess,
    /// In a separate process, which outlives this one. Falls back to this process if the
    /// other one cannot be started. Not for a store that only this process can read.
    #[cfg(not(target_os = "wasi"))]
    OwnProcess(RenewalProcess),
}
