//! WASI 0.2 as the rest uses it: its streams, files and timers, awaited.

pub(crate) mod executor;
pub(crate) mod files;
pub(crate) mod streams;
