//! Tests of the provider: what it grants and rejects, and its faults.
//!
//! All of them use real connections and virtual time.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod broken_clients;
mod client;
mod client_authentication;
mod code_flow;
mod listener;
mod misbehaviour;
mod refusal;
mod revocation;
mod rotation;
mod visitors;
