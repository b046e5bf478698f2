//! The loopback listener that the browser comes back to
//! ([RFC 8252 §7.3](https://www.rfc-editor.org/rfc/rfc8252#section-7.3)).

mod answer;
mod bind;
#[cfg(test)]
mod fuzz;
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only Linux has what this reads"))]
mod peers;
mod server;
#[cfg(test)]
mod tests;

use async_trait::async_trait;

pub use answer::PendingPage;
pub use bind::SystemLoopback;
pub use latchstring_core::capability::listener::{Answer, Listener, Visit};
pub(crate) use latchstring_core::listener::END_ADDRESS;
pub use latchstring_core::listener::{END_PATH, Peer, Redirect, RedirectHost, START_PATH, request};

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
