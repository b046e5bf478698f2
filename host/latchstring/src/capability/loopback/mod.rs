//! The loopback listener that the browser comes back to (RFC 8252 §7.3).

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

pub use answer::{Answer, PendingPage};
pub use bind::SystemLoopback;
pub(crate) use latchstring_core::listener::END_ADDRESS;
pub use latchstring_core::listener::{END_PATH, Peer, Redirect, RedirectHost, START_PATH, request};

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

    /// Whether [`Visit::peer`] can tell this user's visits from those of other users.
    /// If not, the address of a login is kept out of places that other users can read,
    /// such as a browser's command line.
    fn tells_peers(&self) -> bool {
        false
    }
}

/// A browser that waits for its page.
#[non_exhaustive]
pub struct Visit {
    /// Path and query as sent.
    pub target: String,
    /// The `Cookie` headers, joined as one (RFC 6265 §5.4); empty if there are none.
    pub cookies: String,
    /// Whose browser it is.
    pub peer: Peer,
    /// Whether the browser can send its next request on the same connection.
    pub keeps_connection: bool,
    /// Takes the page; dropping it answers that the login was abandoned.
    pub answer: Answer,
}

impl Visit {
    /// A visit from an unknown user, whose connection ends with the answer.
    pub fn new(target: impl Into<String>, cookies: impl Into<String>, answer: Answer) -> Self {
        Self {
            target: target.into(),
            cookies: cookies.into(),
            peer: Peer::Unknown,
            keeps_connection: false,
            answer,
        }
    }

    /// Sets the user whose browser it is.
    pub fn from_peer(mut self, peer: Peer) -> Self {
        self.peer = peer;
        self
    }

    /// Sets whether the browser can send its next request on the same connection.
    pub fn keeping_connection(mut self, keeps_connection: bool) -> Self {
        self.keeps_connection = keeps_connection;
        self
    }
}
