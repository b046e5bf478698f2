//! The loopback listener that the browser comes back to (RFC 8252 §7.3).

mod bind;
mod connection;
mod server;

use async_trait::async_trait;

pub(crate) use bind::bind;
pub use latchstring_core::listener::{END_PATH, Peer, Redirect, RedirectHost, START_PATH, request};

use crate::pages::{Page, Pages};
use connection::Connection;

/// A bound listener. Dropping it closes it.
#[async_trait(?Send)]
pub trait Listener {
    /// The redirect URI with the port that was bound.
    fn redirect_uri(&self) -> &str;

    /// The next request that could be the redirect, or the beginning of a login:
    /// GET, the exact path, not a prefetch. Everything else has been answered and
    /// forgotten.
    ///
    /// Cancelling the wait loses no visit.
    async fn visit(&mut self) -> Visit;

    /// Whether [`Visit::peer`] tells another user from this one: WASI does not.
    fn tells_peers(&self) -> bool {
        false
    }
}

/// A browser that waits for its page.
pub struct Visit {
    /// Path and query as sent.
    pub target: String,
    /// The `Cookie` headers, joined as one (RFC 6265 §5.4); empty where there are
    /// none.
    pub cookies: String,
    /// Whose browser it is.
    pub peer: Peer,
    /// Whether the browser can send its next request on the same connection: never here.
    pub keeps_connection: bool,
    /// Takes the page; dropping it answers that the login was abandoned.
    pub answer: Answer,
}

/// Takes one page for a waiting browser; dropped, it sends the abandoned page.
pub struct Answer {
    connection: Option<Connection>,
    pages: Pages,
}

impl Answer {
    /// Sends `page`; returns when it was written and the connection closed, when
    /// the browser went away, or after two seconds.
    pub async fn send(mut self, page: Page) {
        if let Some(connection) = self.connection.take() {
            connection.show(&page).await;
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.show_now(&self.pages.abandoned());
        }
    }
}
