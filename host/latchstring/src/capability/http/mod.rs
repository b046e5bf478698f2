//! HTTP requests on a session's behalf.

pub(crate) mod outgoing;
mod stream;
mod system;
#[cfg(test)]
mod tests;
mod trouble;
mod trust;

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use url::Url;

pub use latchstring_core::egress::addresses;
pub use stream::{ApiRequest, Pieces, Streamed};
pub use system::SystemHttp;

use crate::contract::{Request, Response};

/// An HTTP client. The egress policy has approved `request.url` before it is
/// called; the limits are for the client to keep.
#[async_trait]
pub trait Http: Send + Sync {
    /// Sends one request, follows no redirect and reads the body whole.
    async fn send(&self, request: Request, limits: Limits) -> Result<Response, Trouble>;

    /// Sends one request, follows no redirect and hands the body over as it comes.
    ///
    /// `limits.timeout` is for the answer's head, and anew for each piece of its
    /// body; `limits.body_bytes` holds where the body is read whole after all, as
    /// it is here, on top of `send`.
    async fn stream(&self, request: ApiRequest, limits: Limits) -> Result<Streamed, Trouble> {
        self.send(request.try_into()?, limits).await.map(Streamed::from)
    }

    /// Returns every address of the URL's host, which tells the egress policy whether
    /// the issuer is on a private network.
    ///
    /// Empty if the name is unknown, or if requests to this host go through a proxy. The caller bounds the time. A client that keeps
    /// this default finds none, and then no endpoint that only the metadata names is
    /// reached on a private address.
    async fn resolve(&self, _url: &Url) -> Vec<IpAddr> {
        Vec::new()
    }
}

/// What a request may cost and where its connection may go.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For the whole request, name look-up to last byte.
    pub timeout: Duration,
    /// Body bytes, after any decoding.
    pub body_bytes: u64,
    /// Whether the name may resolve to an address that is not public.
    pub private_addresses: bool,
}

/// Why there is no response. Texts are one line and hold no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// No answer came: name look-up, connection, TLS or time.
    Unreachable {
        /// One line.
        reason: String,
        /// Whether the request may have arrived all the same.
        sent: bool,
    },
    /// The body went past so many bytes.
    TooLarge(u64),
    /// The limits forbid the connection.
    Denied(String),
}
