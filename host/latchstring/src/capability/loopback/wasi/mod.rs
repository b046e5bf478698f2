//! The loopback listener on the sockets of WASI.

mod bind;
mod connection;
mod server;

pub use bind::SystemLoopback;

use super::{Answer, Listener, Loopback, Redirect, RedirectHost, Visit, request};
use crate::pages::{Page, Pages};
use connection::Connection;

/// A browser's connection that waits for its page. If it is dropped, it sends the abandoned
/// page.
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
