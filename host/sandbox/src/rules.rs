//! The rules component: the decisions of a host, for hosts in other languages. This crate
//! links the crate `latchstring-core`, which it is made of, instead.

/// The component as a WebAssembly binary.
pub const COMPONENT: &[u8] = include_bytes!(env!("LATCHSTRING_RULES"));

/// The component's world as WIT. It was checked when this program was built.
pub const WORLD: &str = include_str!(env!("LATCHSTRING_RULES_WORLD"));
