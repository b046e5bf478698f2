//! Components that do what no login component may do.
//!
//! As machine code for the native host's engine, which has no compiler: each was
//! compiled with the login component's settings.

/// Keeps the contract and breaks everything else: what it does is the `client-id`
/// that it is given. `component/src/lib.rs` has the list.
pub static ACTOR: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/component.cwasm"));

/// Wants three things of its host.
pub static GREEDY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/greedy.cwasm"));

/// Wants nothing but types.
pub static TYPES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/types.cwasm"));

/// Offers nothing.
pub static EMPTY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/empty.cwasm"));

/// Offers something else under the contract's name.
pub static STRANGER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/stranger.cwasm"));
