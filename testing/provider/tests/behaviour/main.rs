//! What the provider grants, what it refuses, and how it goes wrong on request.
//!
//! Everything here goes over real connections and in virtual time.

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
