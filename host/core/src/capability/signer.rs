//! Signing with the client's key.

use async_trait::async_trait;

use crate::contract::ClientKey;
use crate::error::Error;

/// A private key of the client, in a file, a module or a device. It never leaves its signer.
#[async_trait]
pub trait Signer: Send + Sync {
    /// Returns what others need to know of the key.
    fn key(&self) -> ClientKey;

    /// Returns the public key as a JSON Web Key: only the members that are required, in
    /// lexicographic order and without spaces
    /// ([RFC 7638 §3](https://www.rfc-editor.org/rfc/rfc7638#section-3)).
    fn jwk(&self) -> String;

    /// Signs `input`. The signature has the form that tokens need: that of ES256 is `R || S`
    /// ([RFC 7518 §3.4](https://www.rfc-editor.org/rfc/rfc7518#section-3.4)).
    ///
    /// # Errors
    ///
    /// Returns the reason why the key cannot be used now.
    async fn sign(&self, input: &[u8]) -> Result<Vec<u8>, Error>;
}
