//! What the native host can do for a session, one trait and one file each, so
//! that a platform or an embedder swaps one without touching the rest.

pub mod browser;
pub mod clock;
pub mod entropy;
pub mod http;
pub mod loopback;
pub mod store;
pub mod surroundings;
pub mod terminal;
