//! Randomness for a session's secrets.

use crate::error::Error;

/// A cryptographic random source.
pub trait Entropy: Send + Sync {
    /// 32 bytes that nobody can guess, different at every call.
    fn draw(&self) -> Result<[u8; 32], Error>;
}
