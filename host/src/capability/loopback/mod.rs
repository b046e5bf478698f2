//! The loopback listener that the browser comes back to (RFC 8252 §7.3).

mod answer;
mod bind;
#[cfg(test)]
mod fuzz;
pub mod request;
mod server;
#[cfg(test)]
mod tests;

use async_trait::async_trait;

pub use answer::{Answer, PendingPage};
pub use bind::SystemLoopback;

use crate::error::Error;
use crate::pages::Pages;

/// Where a login begins in a browser of this machine; every listener answers here
/// beside its redirect's path.
pub const START_PATH: &str = "/latchstring/start";

/// Where it ends: the last page has an address without a code.
pub const END_PATH: &str = "/latchstring/end";
pub(crate) const END_ADDRESS: &str = "/latchstring/end?done";

/// Opens listeners on loopback addresses.
#[async_trait]
pub trait Loopback: Send + Sync {
    /// Binds the first free port that `redirect` allows. Visitors whom nobody
    /// answers get one of `pages`.
    ///
    /// Fails with `port-in-use` that names the ports when none is free.
    async fn bind(&self, redirect: &Redirect, pages: &Pages) -> Result<Box<dyn Listener>, Error>;
}

/// Where a provider lets the browser come back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// The host as it stands in the redirect URI.
    pub host: RedirectHost,
    /// Tried in order; empty for a port that the system chooses.
    pub ports: Vec<u16>,
    /// Begins with a slash, such as `/callback`.
    pub path: String,
}

impl Redirect {
    /// The redirect URI with the first port, where nobody listens.
    pub fn first_uri(&self) -> String {
        let host = self.host.name();
        match self.ports.first() {
            Some(port) => format!("http://{host}:{port}{}", self.path),
            None => format!("http://{host}{}", self.path),
        }
    }
}

/// The host part of a loopback redirect URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedirectHost {
    /// `127.0.0.1`, what RFC 8252 §8.3 recommends.
    Ipv4,
    /// `[::1]`.
    Ipv6,
    /// `localhost`: listens on both families, for providers that want the name.
    Localhost,
}

impl RedirectHost {
    /// As it stands in a URI.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ipv4 => "127.0.0.1",
            Self::Ipv6 => "[::1]",
            Self::Localhost => "localhost",
        }
    }
}

/// A bound listener. Dropping it closes it; visitors that still wait are told
/// that the login was abandoned.
#[async_trait]
pub trait Listener: Send {
    /// The redirect URI with the port that was bound.
    fn redirect_uri(&self) -> &str;

    /// The next request that could be the redirect, or the beginning of a login:
    /// GET, the exact path, not a prefetch. Everything else has been answered and forgotten.
    ///
    /// Cancelling the wait loses no visit.
    async fn visit(&mut self) -> Visit;
}

/// A browser that waits for its page.
pub struct Visit {
    /// Path and query as sent.
    pub target: String,
    /// The `Cookie` headers, joined as one (RFC 6265 §5.4); empty where there are
    /// none.
    pub cookies: String,
    /// Takes the page; dropping it answers that the login was abandoned.
    pub answer: Answer,
}
