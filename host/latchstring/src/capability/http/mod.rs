//! HTTP requests for a session or an API.

pub(crate) mod outgoing;
mod system;
#[cfg(test)]
mod tests;
mod trouble;
mod trust;

pub use latchstring_core::capability::http::{ApiRequest, Http, Limits, Pieces, Streamed, Trouble};
pub use latchstring_core::egress::addresses;
pub use system::SystemHttp;
