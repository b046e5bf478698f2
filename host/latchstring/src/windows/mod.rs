//! Calls of Windows that the standard library has none for.

pub(crate) mod access;
pub(crate) mod console;
pub(crate) mod words;
