//! The loopback listener that the browser comes back to
//! ([RFC 8252 §7.3](https://www.rfc-editor.org/rfc/rfc8252#section-7.3)).
//!
//! ```
//! use async_trait::async_trait;
//! use latchstring::capability::loopback::{Listener, Loopback, Redirect};
//! use latchstring::pages::Pages;
//! use latchstring::{Code, Error};
//!
//! /// Binds no port, so that the user pastes the address that the browser ends on.
//! struct NoPorts;
//!
//! #[async_trait]
//! impl Loopback for NoPorts {
//!     async fn bind(&self, _: &Redirect, _: &Pages) -> Result<Box<dyn Listener>, Error> {
//!         Err(Error::new(Code::PortInUse, "this program may not listen", "paste the address"))
//!     }
//! }
//! ```

#[cfg(not(target_os = "wasi"))]
mod answer;
#[cfg(not(target_os = "wasi"))]
mod bind;
#[cfg(test)]
mod fuzz;
#[cfg(not(target_os = "wasi"))]
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only Linux has what this reads"))]
mod peers;
#[cfg(not(target_os = "wasi"))]
mod server;
#[cfg(test)]
mod tests;
#[cfg(target_os = "wasi")]
mod wasi;

use async_trait::async_trait;

#[cfg(not(target_os = "wasi"))]
pub use answer::PendingPage;
#[cfg(not(target_os = "wasi"))]
pub use bind::SystemLoopback;
pub use latchstring_core::capability::listener::{Answer, Listener, Visit};
#[cfg(not(target_os = "wasi"))]
pub(crate) use latchstring_core::listener::END_ADDRESS;
pub use latchstring_core::listener::{END_PATH, Peer, Redirect, RedirectHost, START_PATH, request};
#[cfg(not(target_os = "wasi"))]
pub(crate) use peers::{Ends, Peers};
#[cfg(target_os = "wasi")]
pub use wasi::SystemLoopback;

use crate::error::Error;
use crate::pages::Pages;

/// Opens listeners on loopback addresses.
#[async_trait]
pub trait Loopback: Send + Sync {
    /// Binds the first free port that `redirect` allows. Browsers without an answer get one
    /// of `pages`.
    ///
    /// # Errors
    ///
    /// Returns `port-in-use`, naming the ports, if none is free.
    async fn bind(&self, redirect: &Redirect, pages: &Pages) -> Result<Box<dyn Listener>, Error>;
}
