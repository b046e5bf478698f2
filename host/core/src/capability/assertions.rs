//! Assertions of other issuers: of a CI job, a cloud, or another session.

use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::contract::AssertionRequest;
use crate::error::Error;

/// Where a client finds the assertions that it presents
/// ([RFC 7521](https://www.rfc-editor.org/rfc/rfc7521)).
#[async_trait]
pub trait Assertions: Send + Sync {
    /// Reads the assertion that is asked for. Every call reads it again, because its issuer
    /// may have replaced it. Services that make assertions on request make it for the
    /// request's audience.
    ///
    /// # Errors
    ///
    /// Returns `invalid-configuration` if there is none, and says what to do about that.
    async fn read(&self, request: &AssertionRequest) -> Result<Zeroizing<String>, Error>;
}
