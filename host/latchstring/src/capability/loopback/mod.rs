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

pub use answer::{Answer, PendingPage};
pub use bind::SystemLoopback;
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

/// A bound listener. Dropping it closes it; browsers that still wait get the page for an
/// abandoned login.
#[async_trait]
pub trait Listener: Send {
    /// Returns the redirect URI with the port that was bound.
    fn redirect_uri(&self) -> &str;

    /// Returns the next request that could be the redirect or the start of a login: GET, an
    /// exact path, not a prefetch. All other requests have been answered.
    ///
    /// Cancelling the wait loses no request.
    async fn visit(&mut self) -> Visit;

    /// Returns whether [`Visit::peer`] tells this user's requests from those of other
    /// users. If not, the address of a login is kept out of places that other users can
    /// read, such as a browser's command line.
    fn tells_peers(&self) -> bool {
        false
    }
}

/// A request of a browser that waits for its page.
#[non_exhaustive]
pub struct Visit {
    /// The path and query as sent.
    pub target: String,
    /// The `Cookie` headers joined into one
    /// ([RFC 6265 §5.4](https://www.rfc-editor.org/rfc/rfc6265#section-5.4)); empty if
    /// there are none.
    pub cookies: String,
    /// The user whose browser sent the request.
    pub peer: Peer,
    /// Whether the browser can send its next request on the same connection.
    pub keeps_connection: bool,
    /// Takes the page. If it is dropped, the browser gets the page for an abandoned login.
    pub answer: Answer,
}

impl Visit {
    /// Creates a request of an unknown user, whose connection ends with the response.
    pub fn new(target: impl Into<String>, cookies: impl Into<String>, answer: Answer) -> Self {
        Self {
            target: target.into(),
            cookies: cookies.into(),
            peer: Peer::Unknown,
            keeps_connection: false,
            answer,
        }
    }

    /// Sets the user whose browser sent the request.
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
