//! The latchstring component: login flows for OAuth 2.0 and OpenID Connect as a state
//! machine that the host steps.
//!
//! - `contract`: the generated types of `wit/login.wit`.
//! - `protocol`: the rules of the RFCs, as pure functions.
//! - `flow`: one module for each flow, with one enum of states and one match.
//! - `session`: one session, which steps its flow.
//! - `component`: the exports, which forward to `session`.

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
