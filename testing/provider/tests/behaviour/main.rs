//! Tests of the provider: what it rejects, what only some dialects do, and its faults. That
//! it grants what a client of every dialect needs is shown by the tests of the hosts.
//!
//! All of them use real connections and virtual time.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod client;
mod client_authentication;
mod codes;
mod control;
mod demo;
mod device;
mod faults;
mod fief;
mod hexclave;
mod listener;
mod mock;
mod programs;
mod refresh;
mod requests;
mod responses;
mod visitors;
