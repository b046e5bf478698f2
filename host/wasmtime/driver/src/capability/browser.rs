//! The user's browser, which nothing in a sandbox can start.

use async_trait::async_trait;
use latchstring_core::capability::browser::{Launched, Launcher};
use latchstring_core::egress::browser_url;
use latchstring_core::interaction::Opened;

use crate::error::Error;

/// The user, who opens the address that is printed.
///
/// It is a local address, as it would be for a browser that was started: only a
/// browser that came from there can finish the login.
pub struct Reader;

#[async_trait]
impl Launcher for Reader {
    /// The address is on no command line, so it makes no difference whether other users'
    /// visits can be told.
    fn launch(&self, address: &str, _tells_peers: bool) -> Result<Launched, Error> {
        self.open(address).map(|opened| Launched { opened, kept: None })
    }

    fn open(&self, url: &str) -> Result<Opened, Error> {
        browser_url(url).map(|_| Opened::ByHand)
    }
}
