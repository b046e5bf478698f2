//! What the loop asks of the machine, as WASI offers it.

pub mod browser;
pub mod clock;
pub mod entropy;
pub mod http;
pub mod loopback;
pub mod store;
#[path = "../../../../../host/latchstring/src/capability/surroundings.rs"]
pub mod surroundings;
pub mod terminal;
