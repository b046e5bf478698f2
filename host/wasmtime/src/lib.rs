//! `latch` as one component: the login component and a driver, composed when this
//! crate is built. It imports standard WASI 0.2 and nothing else.

/// The bytes of `latch.wasm`.
pub const LATCH: &[u8] = include_bytes!(env!("LATCHSTRING_LATCH_WASM"));
