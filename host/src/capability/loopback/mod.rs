//! The loopback listener that the browser comes back to (RFC 8252 §7.3).

mod answer;
mod bind;
#[cfg(test)]
mod fuzz;
mod redirect;
pub mod request;
mod server;
#[cfg(test)]
mod tests;

use async_trait::async_trait;

pub use answer::{Answer, PendingPage};
pub use bind::SystemLoopback;
pub(crate) use redirect::END_ADDRESS;
pub use redirect::{END_PATH, Redirect, RedirectHost, START_PATH};

use crate::error::Error;
use crate::pages::Pages;

/// Opens listeners on loopback addresses.
#[async_trait]
pub trait Loopback: Send + Sync {
    /// Binds the first free port that `redirect` allows. Visitors whom nobody
    /// answers get one of `pages`.
    ///
    /// Fails with `port-in-use` that names the ports when none is free.
    async fn bind(&self, redirect: &Redirect, pages: &Pages) -> Result<Box<dyn Listener>, Error>;
}

/// A bound listener. Dropping it closes it; visitors that still wait are told
/// that the login was abandoned.
#[async_trait]
pub trait Listener: Send {
    /// The redirect URI with the port that was bound.
    fn redirect_uri(&self) -> &str;

    /// The next request that could be the redirect, or the beginning of a login:
    /// GET, the exact path, not a prefetch. Everything else has been answered and forgotten.
    ///
    /// Cancelling the wait loses no visit.
    async fn visit(&mut self) -> Visit;
}

/// A browser that waits for its page.
pub struct Visit {
    /// Path and query as sent.
    pub target: String,
    /// The `Cookie` headers, joined as one (RFC 6265 §5.4); empty where there are
    /// none.
    pub cookies: String,
    /// Takes the page; dropping it answers that the login was abandoned.
    pub answer: Answer,
}
