//! A store that several machines share: a real PostgreSQL or Redis server of the test's own,
//! what can go wrong on the way to it, and machines that want the same token at once.

mod machines;
mod namespaces;
mod relay;
mod server;
mod storm;

pub use machines::Machines;
pub use namespaces::Namespaces;
pub use relay::Relay;
pub use server::{PASSWORD, StoreKind, StoreServer};
pub use storm::{Fault, Moment, SharedStorm};
