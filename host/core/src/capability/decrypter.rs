//! Decrypting what the provider encrypts for the client.

use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::error::Error;

/// A private key of the client, with which it reads what only it may read. The key never
/// leaves its decrypter.
#[async_trait]
pub trait Decrypter: Send + Sync {
    /// Returns what is in an encrypted token in compact form
    /// ([RFC 7516 §7.1](https://www.rfc-editor.org/rfc/rfc7516#section-7.1)).
    ///
    /// # Errors
    ///
    /// Returns `invalid-id-token` if the token cannot be decrypted with this key, or the
    /// reason why the key cannot be used now.
    async fn decrypt(&self, token: &str) -> Result<Zeroizing<String>, Error>;
}
