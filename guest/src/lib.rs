//! The latchstring component: login flows for OAuth 2.0 and OpenID Connect as a
//! state machine that a host steps.
//!
//! - `contract`: the types of `wit/login.wit`, generated.
//! - `protocol`: what the RFCs say, as pure functions.
//! - `flow`: one conversation each, as one enum of states and one match.
//! - `session`: whichever flow it is, stepped.
//! - `component`: the glue between `session` and the outside.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a test that meets the unexpected is to stop")
)]

mod component;
mod contract;
mod flow;
mod protocol;
mod session;

#[cfg(test)]
mod tests;
