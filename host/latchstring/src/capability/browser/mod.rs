//! Starting the person's browser.

mod command;
mod launch;
mod system;

pub use command::CommandBrowser;
pub use latchstring_core::egress::browser_url;
pub(crate) use launch::{Launched, launch};
pub use system::SystemBrowser;

use std::path::Path;

use async_trait::async_trait;

use crate::error::{Code, Error};

/// Opens URLs in a browser.
#[async_trait]
pub trait Browser: Send + Sync {
    /// Starts a browser on `url` and returns without waiting for it.
    ///
    /// Refuses what is neither https nor http on a loopback address. Passes no
    /// shell, and keeps the launcher's output off this process's.
    fn open(&self, url: &str) -> Result<(), Error>;

    /// Whether [`open`](Self::open) puts the URL where other users of this machine
    /// can read it: on the command line of a process.
    fn shows_address(&self) -> bool {
        false
    }

    /// Starts a browser on a file that leads on to the address of a login. Called in
    /// place of [`open`](Self::open) if that shows the address and the listener
    /// cannot tell other users' visits.
    fn open_file(&self, _file: &Path) -> Result<(), Error> {
        Err(Error::new(
            Code::HostFault,
            "this browser is not started on files",
            "open the address by hand",
        ))
    }

    /// Waits until what was started last has ended with failure, and so has shown no
    /// page. Never returns if that cannot be told.
    async fn failure(&self) -> Error {
        std::future::pending().await
    }

    /// What the user is told once it was started; the address stands below.
    fn invitation(&self) -> &'static str {
        "Your browser opens to log you in. If it does not, open:\n\n"
    }
}
