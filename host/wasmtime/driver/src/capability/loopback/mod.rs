//! The loopback listener that the browser comes back to (RFC 8252 §7.3).

mod bind;
mod connection;
mod server;

pub(crate) use bind::bind;
pub use latchstring_core::capability::listener::{Answer, Listener, Visit};
pub use latchstring_core::listener::{END_PATH, Redirect, RedirectHost, START_PATH, request};

use crate::pages::{Page, Pages};
use connection::Connection;

/// A browser's connection that waits for its page; dropped, it sends the abandoned page.
struct Waiting {
    connection: Option<Connection>,
    pages: Pages,
}

impl Waiting {
    fn answer(self) -> Answer {
        Answer::new(move |page| Box::pin(self.send(page)))
    }

    async fn send(mut self, page: Page) {
        if let Some(connection) = self.connection.take() {
            connection.show(&page).await;
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.show_now(&self.pages.abandoned());
        }
    }
}
