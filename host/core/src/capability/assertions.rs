//! Assertions of other issuers: of a CI job, a cloud, or another session.

use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::contract::AssertionPurpose;
use crate::error::Error;

/// Where a client finds the assertions that it presents
/// ([RFC 7521](https://www.rfc-editor.org/rfc/rfc7521)).
#[async_trait]
pub trait Assertions: Send + Sync {
    /// Reads the assertion for this use, anew each time: its issuer may have replaced it.
    /// `audience` is whom it is to be presented to, for services that make one on request.
    ///
    /// # Errors
    ///
    /// Returns `invalid-configuration` if there is none, and says what to do about that.
    async fn read(
        &self,
        purpose: AssertionPurpose,
        audience: Option<&str>,
    ) -> Result<Zeroizing<String>, Error>;
}
