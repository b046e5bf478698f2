//! The rules of a host: decisions about the login component and the outside world that
//! every host makes in the same way. Nothing here opens a socket or a file, starts a
//! process, or needs an async runtime.
//!
//! Programs use the crate `latchstring`, which this crate is a part of.

pub mod budget;
pub mod capability;
pub mod contract;
pub mod egress;
pub mod error;
pub mod interaction;
pub mod listener;
pub mod pages;
pub mod session;
