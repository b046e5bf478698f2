//! Tests of the stand-ins: what they grant and reject, and their faults.
//!
//! All of them use real connections and virtual time.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod authgate;
mod binary;
mod client;
mod control;
mod device;
mod fief;
mod hexclave;
mod hexclave_sessions;
mod mock;
mod stytch;
