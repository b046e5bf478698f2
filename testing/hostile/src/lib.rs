//! Components that do what no login component may do.
//!
//! They are machine code for the native host's engine, which contains no compiler, and
//! were compiled with the login component's settings.

/// A component that has the right exports and breaks every other rule. What it does
/// depends on its `client-id`; `component/src/lib.rs` has the parts.
pub static ACTOR: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/component.cwasm"));

/// A component with three imports.
pub static GREEDY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/greedy.cwasm"));

/// A component that imports only types.
pub static TYPES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/types.cwasm"));

/// A component without exports.
pub static EMPTY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/empty.cwasm"));

/// A component that exports something else under the contract's name.
pub static STRANGER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/stranger.cwasm"));
