//! Decrypting what the provider encrypts for the client: ID tokens and userinfo.
//!
//! ```no_run
//! use latchstring::Latch;
//! use latchstring::capability::decrypter::DecryptionKeyFile;
//!
//! # fn main() -> Result<(), latchstring::Error> {
//! let key = DecryptionKeyFile::read("/etc/acme/decryption-key.pem")?;
//! let latch = Latch::builder("https://id.example.com", "acme").decrypter(key).build()?;
//! # Ok(())
//! # }
//! ```

mod jwe;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::SecretKey;
use p256::pkcs8::DecodePrivateKey as _;
use serde::Deserialize;
use zeroize::Zeroizing;

pub use latchstring_core::capability::decrypter::Decrypter;

use super::ownership::check_permissions;
use crate::error::{Code, Error};

/// An EC key on P-256 in a file: PKCS#8 in PEM, or a JSON Web Key
/// ([RFC 7517](https://www.rfc-editor.org/rfc/rfc7517)).
///
/// Decrypts `ECDH-ES`, `ECDH-ES+A128KW` and `ECDH-ES+A256KW`, with `A128GCM`, `A256GCM`,
/// `A128CBC-HS256` and `A256CBC-HS512`.
pub struct DecryptionKeyFile {
    key: SecretKey,
    path: PathBuf,
}

/// A private JSON Web Key. Holds a secret: has no `Debug`.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(default)]
    crv: String,
    d: Zeroizing<String>,
}

impl DecryptionKeyFile {
    /// Reads the key.
    ///
    /// # Errors
    ///
    /// Returns `invalid-configuration`, naming the file, if others may read it, or if it has
    /// no key that can be used.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref().to_owned();
        let unusable = |reason: &str| {
            Error::new(
                Code::InvalidConfiguration,
                format!("the decryption key {} {reason}", path.display()),
                "name a PEM file (-----BEGIN PRIVATE KEY-----) or a JSON Web Key with an EC key \
                 on P-256",
            )
        };
        let unreadable = |error| unusable(&format!("cannot be read: {error}"));
        check_permissions(&path, "the decryption key").map_err(unreadable)??;
        let text = fs::read_to_string(&path).map(Zeroizing::new).map_err(unreadable)?;
        let key = match text.trim_start().starts_with('{') {
            true => of_jwk(&text),
            false => SecretKey::from_pkcs8_pem(&text).ok(),
        };
        let key = key.ok_or_else(|| unusable("has no key that can be used"))?;
        Ok(Self { key, path })
    }
}

fn of_jwk(text: &str) -> Option<SecretKey> {
    let Jwk { kty, crv, d } = serde_json::from_str(text).ok()?;
    let d = Zeroizing::new(URL_SAFE_NO_PAD.decode(&*d).ok()?);
    SecretKey::from_slice(&d).ok().filter(|_| kty == "EC" && crv == "P-256")
}

#[async_trait]
impl Decrypter for DecryptionKeyFile {
    async fn decrypt(&self, token: &str) -> Result<Zeroizing<String>, Error> {
        jwe::decrypt(&self.key, token).map_err(|reason| {
            Error::new(
                Code::InvalidIdToken,
                format!("what the provider sent {reason}"),
                format!(
                    "register the public key of {} for this client, and an algorithm that is \
                     supported",
                    self.path.display()
                ),
            )
        })
    }
}
