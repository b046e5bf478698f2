//! Signing with the client's key.

use async_trait::async_trait;

use crate::contract::SigningAlgorithm;
use crate::error::{Code, Error};

/// A private key of the client, in a file, a module or a device. It never leaves its signer.
#[async_trait]
pub trait Signer: Send + Sync {
    /// Returns the public key. Called before the first signature, and not for a stored token
    /// that is still good: a device need not be there for that.
    ///
    /// # Errors
    ///
    /// Returns the reason why the key cannot be used now.
    async fn public_key(&self) -> Result<PublicKey, Error>;

    /// Signs `input` with one of the algorithms of the [public key](Self::public_key). The
    /// signature has the form that tokens need: that of ES256 is `R || S`
    /// ([RFC 7518 §3.4](https://www.rfc-editor.org/rfc/rfc7518#section-3.4)).
    ///
    /// # Errors
    ///
    /// Returns the reason why the key cannot be used now.
    async fn sign(&self, algorithm: SigningAlgorithm, input: &[u8]) -> Result<Vec<u8>, Error>;
}

#[async_trait]
impl Signer for Box<dyn Signer> {
    async fn public_key(&self) -> Result<PublicKey, Error> {
        (**self).public_key().await
    }

    async fn sign(&self, algorithm: SigningAlgorithm, input: &[u8]) -> Result<Vec<u8>, Error> {
        (**self).sign(algorithm, input).await
    }
}

/// What others need to know of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// The key as a JSON Web Key: only the members that are required, in lexicographic order
    /// and without spaces ([RFC 7638 §3](https://www.rfc-editor.org/rfc/rfc7638#section-3)).
    pub jwk: String,
    /// Key identifier, as registered at the provider. `None` if the key has none of its own.
    pub id: Option<String>,
    /// Algorithms that the key signs with; the first one is used unless another is asked for.
    pub algorithms: Vec<SigningAlgorithm>,
}

impl PublicKey {
    /// Returns the algorithm to sign with: `wanted`, or the key's first one.
    ///
    /// # Errors
    ///
    /// Returns `invalid-configuration` if the key cannot sign so.
    pub fn algorithm(&self, wanted: Option<SigningAlgorithm>) -> Result<SigningAlgorithm, Error> {
        let fits = |algorithm: &SigningAlgorithm| wanted.is_none_or(|wanted| wanted == *algorithm);
        self.algorithms.iter().copied().find(fits).ok_or_else(|| {
            Error::new(
                Code::InvalidConfiguration,
                "the client's key does not fit the signature algorithm",
                "ES256 takes an EC key on P-256, EdDSA one on Ed25519, PS256 and RS256 an RSA \
                 key; an SSH agent signs with RS256 and not with PS256",
            )
        })
    }
}
