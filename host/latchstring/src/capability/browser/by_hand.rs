//! The user's browser, which nothing in a sandbox can start: the user opens the address that
//! is printed.
//!
//! That is a local address, as for a browser that is started: only a browser that came from
//! there can finish the login.

use async_trait::async_trait;
use latchstring_core::capability::browser::{self as core, Launcher};
use latchstring_core::interaction::Opened;

use super::{Browser, browser_url};
use crate::error::{Code, Error};

/// Leaves it to the user to open URLs.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemBrowser;

impl Browser for SystemBrowser {
    fn open(&self, url: &str) -> Result<(), Error> {
        browser_url(url).map(drop)
    }
}

/// A browser, as the loop asks for it.
pub(crate) struct Launching<'a>(pub(crate) &'a dyn Browser);

#[async_trait]
impl Launcher for Launching<'_> {
    /// The address is on no command line, so it does not matter whether the listener can
    /// tell users apart.
    fn launch(&self, address: &str, _tells_peers: bool) -> Result<core::Launched, Error> {
        self.open(address).map(|opened| core::Launched { opened, kept: None })
    }

    fn open(&self, url: &str) -> Result<Opened, Error> {
        self.0.open(url).map(|()| Opened::ByHand)
    }
}

/// A browser that was started on a local address: never here.
pub(crate) enum Launched {}

impl Launched {
    pub(crate) fn opened(&self) -> Opened {
        match *self {}
    }

    pub(crate) fn is_exposed(&self) -> bool {
        match *self {}
    }
}

/// Fails: a sandbox cannot start a browser.
pub(crate) fn launch(_: &dyn Browser, _: &str, _tells_peers: bool) -> Result<Launched, Error> {
    Err(Error::new(Code::HostFault, "a sandbox cannot start a browser", "open the address by hand"))
}
