//! Randomness for a session's secrets.

use crate::error::Error;

/// A cryptographic random source.
pub trait Entropy: Send + Sync {
    /// Returns 32 unpredictable bytes, different at every call.
    ///
    /// # Errors
    ///
    /// Returns `host-fault` if the system has no randomness to give.
    fn draw(&self) -> Result<[u8; 32], Error>;
}
