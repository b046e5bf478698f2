//! HTTP requests for a session or an API.
//!
//! ```
//! use async_trait::async_trait;
//! use latchstring::capability::http::{Http, Limits, SystemHttp, Trouble};
//! use latchstring::contract::{Request, Response};
//!
//! /// Sends requests through the system's client, unless there is no network.
//! struct Offline {
//!     is_offline: bool,
//!     http: SystemHttp,
//! }
//!
//! #[async_trait]
//! impl Http for Offline {
//!     async fn send(&self, request: Request, limits: Limits) -> Result<Response, Trouble> {
//!         if self.is_offline {
//!             let reason = "this program works offline".to_owned();
//!             return Err(Trouble::Unreachable { reason, sent: false });
//!         }
//!         self.http.send(request, limits).await
//!     }
//! }
//! ```

#[cfg(not(target_os = "wasi"))]
mod outgoing;
#[cfg(not(target_os = "wasi"))]
mod system;
#[cfg(test)]
mod tests;
#[cfg(not(target_os = "wasi"))]
mod trouble;
#[cfg(not(target_os = "wasi"))]
mod trust;
#[cfg(target_os = "wasi")]
mod wasi;

pub use latchstring_core::capability::http::{
    ApiRequest, Body, Http, Limits, Pieces, Streamed, Trouble,
};
pub use latchstring_core::egress::addresses;
#[cfg(not(target_os = "wasi"))]
pub use system::SystemHttp;
#[cfg(all(feature = "postgres", not(target_os = "wasi")))]
pub(crate) use trust::tls_config;
#[cfg(target_os = "wasi")]
pub use wasi::SystemHttp;

/// Returns the method with this name. The error is one line.
///
/// `TRACE` is refused because its response repeats the request with the token (RFC 9110
/// §9.3.8), `CONNECT` because it is for proxies.
pub(crate) fn method(name: &str) -> Result<http::Method, String> {
    match http::Method::from_bytes(name.as_bytes()) {
        Ok(http::Method::TRACE | http::Method::CONNECT) => Err(format!("{name} is not sent")),
        Ok(method) => Ok(method),
        Err(_) => Err(format!("{name:?} is not an HTTP method")),
    }
}
