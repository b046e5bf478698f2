//! What every host does in the same way: the loop that carries out what the login component
//! asks for, and the decisions about the component and the outside world. What touches the
//! system is behind the traits in [`capability`]: nothing here opens a socket or a file,
//! starts a process, or needs an async runtime.
//!
//! Programs use the crate `latchstring`, which this crate is a part of.

pub mod budget;
pub mod capability;
mod client;
pub mod contract;
pub mod drive;
pub mod egress;
pub mod error;
pub mod interaction;
pub mod listener;
pub mod pages;
pub mod session;
pub mod token;
pub mod user;
