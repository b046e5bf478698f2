//! The loopback listener that the browser comes back to
//! ([RFC 8252 §7.3](https://www.rfc-editor.org/rfc/rfc8252#section-7.3)).

use std::future::Future;
use std::pin::Pin;

use async_trait::async_trait;

use crate::listener::Peer;
use crate::pages::Page;

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

    /// Closes the listener. When this returns, the port is free again.
    async fn close(&mut self) {}

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

/// Takes one page for a waiting browser. If it is dropped, the browser gets the page for an
/// abandoned login.
pub struct Answer(Box<dyn FnOnce(Page) -> Written + Send>);

/// Completes when a page was written.
pub type Written = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Answer {
    /// Creates an answer that `send` delivers. It may write the page at once, and lets
    /// [`Answer::send`] return when it was written.
    pub fn new(send: impl FnOnce(Page) -> Written + Send + 'static) -> Self {
        Self(Box::new(send))
    }

    /// Sends `page`. The future completes when the page was written and the connection
    /// closed, when the browser went away, or after a time limit.
    ///
    /// A program may end then: what was written reaches the browser.
    pub fn send(self, page: Page) -> Written {
        (self.0)(page)
    }
}
