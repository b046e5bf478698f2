//! HTTP requests for a session or an API.

mod stream;

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use url::Url;

pub use stream::{ApiRequest, Body, Pieces, Streamed};

use crate::contract::{Request, Response};

/// An HTTP client. The egress policy has approved `request.url` before a method is called;
/// the client enforces the limits.
#[async_trait]
pub trait Http: Send + Sync {
    /// Sends one request without following redirects, and reads the whole body.
    ///
    /// # Errors
    ///
    /// Returns why there is no response.
    async fn send(&self, request: Request, limits: Limits) -> Result<Response, Trouble>;

    /// Sends one request without following redirects, and returns the body as it arrives.
    ///
    /// `limits.timeout` applies to the response head, and again to each piece of the body.
    /// `limits.body_bytes` applies only if the body is read as a whole, as by this default
    /// implementation on top of `send`.
    ///
    /// # Errors
    ///
    /// Returns why there is no response.
    async fn stream(&self, request: ApiRequest, limits: Limits) -> Result<Streamed, Trouble> {
        self.send(request.try_into()?, limits).await.map(Streamed::from)
    }

    /// Passes a request on for another program without following redirects: the body, the
    /// response and its body as they arrive. There is no time limit but that for the
    /// connection, because the other program has its own.
    ///
    /// `private_addresses` is that of [`Limits`]. With this default, nothing is passed on.
    ///
    /// # Errors
    ///
    /// Returns why there is no response.
    async fn forward(
        &self,
        _request: http::Request<Body>,
        _private_addresses: bool,
    ) -> Result<http::Response<Body>, Trouble> {
        Err(Trouble::Denied("this program's HTTP client cannot pass requests on".to_owned()))
    }

    /// Returns every address of the URL's host, which tells the egress policy whether the
    /// issuer is on a private network.
    ///
    /// Empty if the name is unknown, or if requests to this host go through a proxy. The
    /// caller limits the time. With this default, which returns no address, no endpoint
    /// that only the metadata names is reached on a private address.
    async fn resolve(&self, _url: &Url) -> Vec<IpAddr> {
        Vec::new()
    }

    /// Returns whether a certificate authenticates this client to the provider
    /// ([RFC 8705](https://www.rfc-editor.org/rfc/rfc8705)). Requests then go to the endpoints
    /// that the provider has for such clients.
    fn has_certificate(&self) -> bool {
        false
    }
}

/// Limits of a request, and whether it may go to a private address.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Time limit for the whole request, from the DNS query to the last byte.
    pub timeout: Duration,
    /// Most bytes of the body, after any decoding.
    pub body_bytes: u64,
    /// Whether the host may be on an address that is not public.
    pub private_addresses: bool,
}

/// Why there is no response. The texts are single lines without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// No response came: DNS, connection, TLS or time limit.
    Unreachable {
        /// The reason in one line.
        reason: String,
        /// Whether the request may have arrived all the same.
        sent: bool,
    },
    /// The body has more bytes than this limit.
    TooLarge(u64),
    /// The limits or the client forbid the request, for this reason.
    Denied(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { reason, .. } | Self::Denied(reason) => f.write_str(reason),
            Self::TooLarge(limit) => write!(f, "the body has more than {limit} bytes"),
        }
    }
}

impl std::error::Error for Trouble {}
