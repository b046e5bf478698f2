//! Randomness for a session's secrets.

pub use latchstring_core::capability::entropy::Entropy;
use wasip2::random::random::get_random_bytes;

use crate::error::{Code, Error};

/// WASI's random source.
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn draw(&self) -> Result<[u8; 32], Error> {
        get_random_bytes(32).try_into().map_err(|_| {
            Error::new(
                Code::HostFault,
                "the sandbox's random source gave less than was asked for",
                "report it to whoever made the program that runs this",
            )
        })
    }
}
