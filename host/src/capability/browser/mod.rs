//! Starting the person's browser.

mod address;
mod command;
mod system;

pub use address::browser_url;
pub use command::CommandBrowser;
pub use system::SystemBrowser;

use crate::error::Error;

/// Opens URLs in a browser.
pub trait Browser: Send + Sync {
    /// Starts a browser on `url` and returns without waiting for it.
    ///
    /// Refuses what is neither https nor http on a loopback address. Passes no
    /// shell, and keeps the launcher's output off this process's.
    fn open(&self, url: &str) -> Result<(), Error>;

    /// What the person is told once it was started; the address stands below.
    fn invitation(&self) -> &'static str {
        "Your browser opens to log you in. If it does not, open:\n\n"
    }
}
