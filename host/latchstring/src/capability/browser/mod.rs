//! Starting the user's browser.
//!
//! ```
//! use std::sync::mpsc::Sender;
//!
//! use latchstring::Error;
//! use latchstring::capability::browser::{Browser, browser_url};
//!
//! /// Shows pages in a window of this program.
//! struct Window(Sender<String>);
//!
//! impl Browser for Window {
//!     fn open(&self, url: &str) -> Result<(), Error> {
//!         // Fails unless it is https, or http on a loopback address.
//!         let url = browser_url(url)?;
//!         let _ = self.0.send(url.into());
//!         Ok(())
//!     }
//! }
//! ```

#[cfg(target_os = "wasi")]
mod by_hand;
#[cfg(not(target_os = "wasi"))]
mod command;
#[cfg(not(target_os = "wasi"))]
mod launch;
#[cfg(not(target_os = "wasi"))]
mod system;

#[cfg(target_os = "wasi")]
pub use by_hand::SystemBrowser;
#[cfg(target_os = "wasi")]
pub(crate) use by_hand::{Launched, Launching, launch};
#[cfg(not(target_os = "wasi"))]
pub use command::CommandBrowser;
pub use latchstring_core::egress::browser_url;
#[cfg(not(target_os = "wasi"))]
pub(crate) use launch::{Launched, Launching, launch};
#[cfg(not(target_os = "wasi"))]
pub use system::SystemBrowser;

use std::path::Path;

use async_trait::async_trait;

use crate::error::{Code, Error};

/// Opens URLs in a browser.
#[async_trait]
pub trait Browser: Send + Sync {
    /// Starts a browser on `url` and returns without waiting for it. Uses no shell and
    /// keeps the browser's output off this process's.
    ///
    /// # Errors
    ///
    /// Returns `egress-denied` if `url` is neither https nor http on a loopback address,
    /// and `host-fault` if no browser could be started.
    fn open(&self, url: &str) -> Result<(), Error>;

    /// Returns whether [`open`](Self::open) puts the URL on a command line, where other
    /// users of this machine can read it.
    fn shows_address(&self) -> bool {
        false
    }

    /// Starts a browser on a file that leads to the address of a login. Called instead of
    /// [`open`](Self::open) if that shows the address and the listener cannot tell users
    /// apart.
    ///
    /// # Errors
    ///
    /// Returns `host-fault` if the browser cannot be started on a file.
    fn open_file(&self, _file: &Path) -> Result<(), Error> {
        Err(Error::new(
            Code::HostFault,
            "this browser cannot open files",
            "open the address by hand",
        ))
    }

    /// Waits until the last started browser has failed, so that it has shown no page, and
    /// returns why. Waits forever if that cannot be known.
    async fn failure(&self) -> Error {
        std::future::pending().await
    }
}
