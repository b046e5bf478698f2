//! The rules of a host: the decisions that every host makes the same way about the
//! login component and the world outside. Nothing here opens a socket or a file, starts a
//! process, or needs an async runtime.
//!
//! This crate is a part of `latchstring`, which programs use instead.

pub mod binding;
pub mod budget;
pub mod capability;
pub mod contract;
pub mod egress;
pub mod error;
pub mod listener;
pub mod pages;
pub mod session;
