//! Sessions that are encrypted in another store.

mod key_file;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use age::secrecy::SecretString;
use age::{DecryptError, Decryptor, EncryptError, Encryptor, scrypt, x25519};
use async_trait::async_trait;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{Held, Key, Store};
use crate::error::{Code, Error};
use latchstring_core::session::is_encrypted;

/// Work factor of scrypt, as a power of two: each read takes about a fifth of a second and
/// 64 MiB.
const WORK_FACTOR: u8 = 16;
/// Largest work factor that is accepted in a stored value: a few seconds and 1 GiB. A
/// larger one would keep this machine busy for too long.
const LARGEST_WORK_FACTOR: u8 = 20;

/// The systemd credential that sessions are encrypted with: an age identity.
const CREDENTIAL: &str = "latchstring-key";
/// The folder of a service's credentials, which systemd makes for this service alone.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// Encrypts the sessions of another store with age.
///
/// Sessions that were stored without encryption can still be read. They are encrypted when
/// they are saved the next time.
pub struct EncryptedStore {
    inner: Arc<dyn Store>,
    encryption: Encryption,
}

/// The secret that sessions are encrypted with. Clones share it.
#[derive(Clone)]
pub struct Encryption(Arc<Secret>);

enum Secret {
    Passphrase { passphrase: SecretString, work_factor: u8 },
    KeyFile { identities: Vec<x25519::Identity>, path: PathBuf },
    Credential { identities: Vec<x25519::Identity> },
    Given { identities: Vec<x25519::Identity>, origin: &'static str },
}

impl Encryption {
    /// Encrypts with a passphrase. This is slow on purpose, so that guessing it is slow.
    pub fn passphrase(mut passphrase: Zeroizing<String>) -> Self {
        let passphrase = SecretString::from(std::mem::take(&mut *passphrase));
        Self(Arc::new(Secret::Passphrase { passphrase, work_factor: WORK_FACTOR }))
    }

    /// Encrypts with the first identity in a file written by `age-keygen`, and decrypts
    /// with any identity in it.
    ///
    /// # Errors
    ///
    /// Returns `store-unusable` if the file cannot be read, has no identity, or, on Unix,
    /// can be read by others.
    pub fn key_file(path: &Path) -> Result<Self, Error> {
        let identities = key_file::read(path)?;
        Ok(Self(Arc::new(Secret::KeyFile { identities, path: path.to_owned() })))
    }

    /// Encrypts with the systemd credential `latchstring-key` of this service, which has an
    /// age identity. Returns `None` if this process has no such credential.
    ///
    /// # Errors
    ///
    /// Returns `store-unusable` if the credential cannot be read, has no identity, or other
    /// users can read it.
    pub fn credential() -> Result<Option<Self>, Error> {
        let Some(path) = Self::credential_path() else { return Ok(None) };
        let identities = key_file::read_credential(&path)?;
        Ok(Some(Self(Arc::new(Secret::Credential { identities }))))
    }

    /// Returns where this service's credential `latchstring-key` is, or `None` if it has
    /// none.
    pub fn credential_path() -> Option<PathBuf> {
        let folder = std::env::var_os(CREDENTIALS).filter(|folder| !folder.is_empty())?;
        let path = Path::new(&folder).join(CREDENTIAL);
        path.symlink_metadata().is_ok().then_some(path)
    }

    /// Creates a key file that only its owner can read. Never replaces a file.
    ///
    /// # Errors
    ///
    /// Returns `store-unusable` if the file exists or cannot be written.
    pub fn create_key_file(path: &Path) -> Result<(), Error> {
        key_file::create(path)
    }

    /// Encrypts with the age identity in `text`.
    ///
    /// # Errors
    ///
    /// Returns `store-unusable` if it is not an age identity. `origin` is where it is from,
    /// for the error.
    pub fn identity(text: &str, origin: &'static str) -> Result<Self, Error> {
        let identity = text.trim().parse().map_err(|_| {
            Error::new(
                Code::StoreUnusable,
                format!("{origin} is not an age identity"),
                "set it to what age-keygen prints; it begins with AGE-SECRET-KEY-1",
            )
        })?;
        Ok(Self(Arc::new(Secret::Given { identities: vec![identity], origin })))
    }

    /// Returns a short name of the key, which tells nothing about it. It is empty for a
    /// passphrase.
    pub(super) fn fingerprint(&self) -> String {
        let Some(identity) = self.identities().first() else { return String::new() };
        let hash = Sha256::digest(format!("latchstring key {}", identity.to_public()));
        hash[..6].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn identities(&self) -> &[x25519::Identity] {
        match self.0.as_ref() {
            Secret::Passphrase { .. } => &[],
            Secret::KeyFile { identities, .. }
            | Secret::Credential { identities }
            | Secret::Given { identities, .. } => identities,
        }
    }

    pub(super) fn encrypt(&self, bytes: &[u8]) -> Result<Vec<u8>, EncryptError> {
        let recipient: Box<dyn age::Recipient> = match self.0.as_ref() {
            Secret::Passphrase { passphrase, work_factor } => {
                let mut recipient = scrypt::Recipient::new(passphrase.clone());
                recipient.set_work_factor(*work_factor);
                Box::new(recipient)
            }
            _ => Box::new(self.identities()[0].to_public()),
        };
        let encryptor = Encryptor::with_recipients(std::iter::once(recipient.as_ref()))?;
        let mut encrypted = Vec::with_capacity(bytes.len() + 512);
        let mut writer = encryptor.wrap_output(&mut encrypted)?;
        writer.write_all(bytes)?;
        writer.finish()?;
        Ok(encrypted)
    }

    pub(super) fn decrypt(&self, bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
        let decryptor = Decryptor::new_buffered(bytes)?;
        let identities: Vec<Box<dyn age::Identity>> = match self.0.as_ref() {
            Secret::Passphrase { passphrase, .. } => {
                let mut identity = scrypt::Identity::new(passphrase.clone());
                identity.set_max_work_factor(LARGEST_WORK_FACTOR);
                vec![Box::new(identity)]
            }
            _ => self
                .identities()
                .iter()
                .map(|identity| Box::new(identity.clone()) as Box<dyn age::Identity>)
                .collect(),
        };
        let mut reader = decryptor.decrypt(identities.iter().map(AsRef::as_ref))?;
        // Allocated at the largest possible size, so that no copy stays in memory.
        let mut decrypted = Zeroizing::new(Vec::with_capacity(bytes.len()));
        reader.read_to_end(&mut decrypted)?;
        Ok(decrypted)
    }

    /// Returns the kind of secret, for the user, and the remedy if it is the wrong one.
    fn name(&self) -> (String, &'static str) {
        match self.0.as_ref() {
            Secret::Passphrase { .. } => {
                ("this passphrase".to_owned(), "use the passphrase that the session was saved with")
            }
            Secret::KeyFile { path, .. } => (
                format!("the key file {}", path.display()),
                "use the key file that the session was saved with",
            ),
            Secret::Credential { .. } => (
                format!("this service's credential {CREDENTIAL}"),
                "give the service the key that the session was saved with",
            ),
            Secret::Given { origin, .. } => {
                (format!("the key in {origin}"), "use the key that the session was saved with")
            }
        }
    }

    pub(super) fn unreadable(&self, error: &DecryptError, place: &str) -> Error {
        let (name, remedy) = self.name();
        match error {
            DecryptError::DecryptionFailed
            | DecryptError::KeyDecryptionFailed
            | DecryptError::NoMatchingKeys => Error::new(
                Code::StoreUnusable,
                format!(
                    "the session in {place} cannot be decrypted with {name}; nothing was changed"
                ),
                remedy,
            ),
            DecryptError::ExcessiveWork { required, .. } => Error::new(
                Code::StoreUnusable,
                format!(
                    "decrypting the session in {place} takes 2^{required} rounds; at most \
                     2^{LARGEST_WORK_FACTOR} are accepted"
                ),
                "it was not written by this program; move it away, then log in again",
            ),
            DecryptError::UnknownFormat => Error::new(
                Code::StoredNewer,
                format!("the session in {place} is encrypted in an unknown format"),
                "use the newer version that wrote it; nothing was changed",
            ),
            _ => Error::new(
                Code::StoredDamaged,
                format!("the encrypted session in {place} is damaged or cut short"),
                "log in again; the old session is set aside, not deleted",
            ),
        }
    }
}

impl fmt::Debug for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Encryption({})", self.name().0)
    }
}

impl EncryptedStore {
    /// Encrypts the sessions that `inner` keeps.
    pub fn new(inner: Arc<dyn Store>, encryption: Encryption) -> Self {
        Self { inner, encryption }
    }

    /// Runs slow work on a thread for blocking work, so that other tasks can go on.
    async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Encryption) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let encryption = self.encryption.clone();
        tokio::task::spawn_blocking(move || work(&encryption)).await.map_err(|_| {
            Error::new(
                Code::HostFault,
                "encrypting or decrypting the session ended without a result",
                "report this bug, with the version of this program",
            )
        })
    }
}

#[async_trait]
impl Store for EncryptedStore {
    async fn read(&self, key: &Key) -> Result<Option<Vec<u8>>, Error> {
        let Some(bytes) = self.inner.read(key).await? else { return Ok(None) };
        if !is_encrypted(&bytes) {
            return Ok(Some(bytes));
        }
        let mut decrypted = self
            .aside(move |encryption| encryption.decrypt(&bytes))
            .await?
            .map_err(|error| self.encryption.unreadable(&error, &self.inner.place(key)))?;
        Ok(Some(std::mem::take(&mut *decrypted)))
    }

    async fn write(&self, held: &Held, bytes: &[u8]) -> Result<(), Error> {
        let bytes = Zeroizing::new(bytes.to_vec());
        let encrypted = self.aside(move |encryption| encryption.encrypt(&bytes)).await?;
        let encrypted = encrypted.map_err(|_| {
            let (name, remedy) = self.encryption.name();
            Error::new(Code::NotSaved, format!("cannot encrypt with {name}"), remedy)
        })?;
        self.inner.write(held, &encrypted).await
    }

    async fn delete(&self, held: &Held) -> Result<(), Error> {
        self.inner.delete(held).await
    }

    async fn set_aside(&self, held: &Held) -> Result<String, Error> {
        self.inner.set_aside(held).await
    }

    async fn lock(&self, key: &Key) -> Result<Held, Error> {
        self.inner.lock(key).await
    }

    async fn list(&self) -> Result<Vec<Key>, Error> {
        self.inner.list().await
    }

    /// Also fails if the stored session cannot be decrypted.
    async fn probe(&self, key: &Key) -> Result<Option<String>, Error> {
        let notice = self.inner.probe(key).await?;
        self.read(key).await.map(|_| notice)
    }

    fn place(&self, key: &Key) -> String {
        self.inner.place(key)
    }
}
