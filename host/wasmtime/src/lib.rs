//! `latch` as one component: the program, built for WASI 0.2, and the login component,
//! composed when this crate is built. It imports standard WASI and nothing else.

/// The bytes of `latch.wasm`.
pub const LATCH: &[u8] = include_bytes!(env!("LATCHSTRING_LATCH_WASM"));
