//! Traits for what a host supplies.

pub mod entropy;
