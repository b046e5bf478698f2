//! The person's browser, which nothing in a sandbox can start.

pub use latchstring_core::egress::browser_url;

use async_trait::async_trait;
use latchstring_core::interaction::Opened;

use crate::error::Error;

/// Opens URLs in a browser.
#[async_trait]
pub trait Browser: Sync {
    /// Starts a browser on `url`, or leaves it to the person.
    fn open(&self, url: &str) -> Result<(), Error>;

    /// Waits until what was started has ended with failure; nothing was started here.
    async fn failure(&self) -> Error {
        std::future::pending().await
    }
}

/// A login whose address the user is asked to open.
pub(crate) struct Launched;

impl Launched {
    pub(crate) fn opened(&self) -> Opened {
        Opened::ByHand
    }
}

/// Leaves `address` to the user. It stands on no command line, so it makes no
/// difference whether other users' visits can be told.
pub(crate) fn launch(
    browser: &dyn Browser,
    address: &str,
    _tells_peers: bool,
) -> Result<Launched, Error> {
    browser.open(address)?;
    Ok(Launched)
}

/// The person, who opens the address that is printed.
///
/// It is a local address, as it would be for a browser that was started: only a
/// browser that came from there can finish the login.
pub struct Reader;

impl Browser for Reader {
    fn open(&self, url: &str) -> Result<(), Error> {
        browser_url(url).map(drop)
    }
}
