//! What each stand-in grants, what it refuses, and how it goes wrong.
//!
//! Everything here goes over real connections and in virtual time.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod authgate;
mod binary;
mod client;
mod control;
mod device;
mod fief;
mod hexclave;
mod hexclave_sessions;
mod listener;
mod mock;
mod stytch;
mod visitors;
