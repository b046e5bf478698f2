//! What a host supplies, as traits.

pub mod entropy;
