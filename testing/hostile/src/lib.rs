//! Components that do what no login component may do.
//!
//! They are machine code for the native host's engine, which contains no compiler, and
//! were compiled with the login component's settings.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A component that has the right exports and breaks every other rule. What it does
/// depends on its `client-id`; `component/src/lib.rs` has the parts.
pub static ACTOR: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/component.cwasm"));

/// The same component, for hosts in other languages.
pub static ACTOR_COMPONENT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/actor.wasm"));

/// A component with three imports.
pub static GREEDY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/greedy.cwasm"));

/// A component that imports only types.
pub static TYPES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/types.cwasm"));

/// A component without exports.
pub static EMPTY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/empty.cwasm"));

/// A component that exports something else under the contract's name.
pub static STRANGER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/stranger.cwasm"));

/// Parts of [`ACTOR`] that every host ends in the same way.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Denied {
    /// The table that they are printed in.
    pub table: String,
    /// The operation during which the component misbehaves.
    pub occasion: Occasion,
    /// The code of the error that ends it.
    pub code: String,
    /// What notices it.
    pub stopped_by: StoppedBy,
    /// The parts, and words of the error's message.
    pub parts: BTreeMap<String, String>,
}

/// An operation of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Occasion {
    /// Before anything else: the account is computed.
    Setup,
    /// A login.
    Login,
    /// A request for a token.
    Token,
    /// A logout.
    Logout,
    /// The description of the stored session.
    Status,
}

/// What notices a misbehaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StoppedBy {
    /// The runtime's limits, which are not the same on every host.
    Sandbox,
    /// The host's own code.
    Host,
}

/// Returns the table in `denied.json`.
///
/// # Panics
///
/// Panics if the file is not such a table.
pub fn denied() -> Vec<Denied> {
    serde_json::from_str(include_str!("../denied.json")).expect("a table")
}
