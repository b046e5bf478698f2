//! Randomness for a session's secrets.
//!
//! ```
//! use latchstring::Error;
//! use latchstring::capability::entropy::Entropy;
//!
//! /// The same bytes each time, for a test that compares addresses.
//! struct Constant;
//!
//! impl Entropy for Constant {
//!     fn draw(&self) -> Result<[u8; 32], Error> {
//!         Ok([7; 32])
//!     }
//! }
//! ```

pub use latchstring_core::capability::entropy::Entropy;

use crate::error::{Code, Error};

/// The operating system's random source.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn draw(&self) -> Result<[u8; 32], Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| {
            Error::new(
                Code::HostFault,
                format!("the system's random source failed: {error}"),
                "check that the system's random device is available",
            )
        })?;
        Ok(bytes)
    }
}
