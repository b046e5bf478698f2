//! Starting the user's browser.

use std::any::Any;

use async_trait::async_trait;

use crate::error::Error;
use crate::interaction::Opened;

/// Starts the browser of a login.
#[async_trait]
pub trait Launcher: Send + Sync {
    /// Starts a browser on a local address, which works once and which other users must not
    /// learn. `tells_peers` says whether the listener refuses other users' browsers.
    ///
    /// # Errors
    ///
    /// Returns `host-fault` if no browser could be started.
    fn launch(&self, address: &str, tells_peers: bool) -> Result<Launched, Error>;

    /// Starts a browser on a page.
    ///
    /// # Errors
    ///
    /// Returns `host-fault` if no browser could be started.
    fn open(&self, url: &str) -> Result<Opened, Error>;

    /// Waits until the last started browser has failed, and returns why. Waits forever if
    /// that cannot be known.
    async fn failure(&self) -> Error {
        std::future::pending().await
    }
}

/// A browser that was started on a local address.
pub struct Launched {
    /// What it was started on.
    pub opened: Opened,
    /// What is kept while the address is needed, such as a private file. `None` if nothing
    /// is.
    pub kept: Option<Box<dyn Any + Send>>,
}
