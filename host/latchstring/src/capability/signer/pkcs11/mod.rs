//! [`Pkcs11Key`]: a key in a smart card, a security key or an HSM
//! ([PKCS #11](https://docs.oasis-open.org/pkcs11/pkcs11-spec/v3.1/pkcs11-spec-v3.1.html)).

mod key;
mod pin;
mod token;
mod uri;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use super::public::Public;
use super::{PublicKey, Signer};
use crate::capability::terminal::StderrTerminal;
use crate::error::{Code, Error, printable};
use key::Key;
use latchstring_core::contract::SigningAlgorithm;
use pin::Entry;
use token::Token;
use uri::Uri;

/// A private key that a PKCS #11 module signs with: EC on P-256 (ES256), Ed25519 (EdDSA), or
/// RSA of 2048 bits or more (PS256 or RS256). It never leaves its token.
///
/// The module is loaded when the key is first used, into this process: name none that you do
/// not trust.
///
/// ```no_run
/// use latchstring::Latch;
/// use latchstring::capability::signer::Pkcs11Key;
///
/// # fn main() -> Result<(), latchstring::Error> {
/// let key = Pkcs11Key::named("pkcs11:token=work;object=client-key?pin-source=file:/run/secrets/pin")?;
/// let latch = Latch::builder("https://id.example.com", "my-cli").signer(key).build()?;
/// # Ok(())
/// # }
/// ```
pub struct Pkcs11Key {
    place: Arc<Place>,
    pin: Option<Zeroizing<String>>,
    terminal: Option<StderrTerminal>,
    public: OnceCell<(Arc<Public>, PublicKey)>,
}

/// Where a key is.
struct Place {
    /// The URI without its query, for messages.
    name: String,
    uri: Uri,
}

impl Pkcs11Key {
    /// Names a key by its URI ([RFC 7512](https://www.rfc-editor.org/rfc/rfc7512)). Loads
    /// nothing yet.
    ///
    /// # Errors
    ///
    /// Returns `invalid-configuration` if the URI is not understood, or has a PIN in it.
    pub fn named(uri: &str) -> Result<Self, Error> {
        let parsed = Uri::parse(uri)?;
        let name = printable(uri.split('?').next().unwrap_or_default());
        Ok(Self {
            place: Arc::new(Place { name, uri: parsed }),
            pin: None,
            terminal: None,
            public: OnceCell::new(),
        })
    }

    /// Sets the token's PIN, for a URI that names no file with it.
    #[must_use]
    pub fn pin(mut self, pin: impl Into<Zeroizing<String>>) -> Self {
        self.pin = Some(pin.into());
        self
    }

    /// Asks the user for the PIN on this terminal if there is no other.
    #[must_use]
    pub fn ask_pin_on(mut self, terminal: StderrTerminal) -> Self {
        self.terminal = Some(terminal);
        self
    }

    /// Finds the key, and does something with it on a thread that may block.
    async fn with_key<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Key<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let place = Arc::clone(&self.place);
        let token = blocking(move || Token::find(&place.uri)).await?;
        let entry = self.entry(&token).await?;
        let place = Arc::clone(&self.place);
        blocking(move || {
            let session = token.open()?;
            token.enter(&session, entry)?;
            work(&Key::find(&token, &session, &place)?)
        })
        .await
    }

    /// Returns how to enter the token.
    async fn entry(&self, token: &Token) -> Result<Entry, Error> {
        if let Some(entry) = token.entry_without_pin()? {
            return Ok(entry);
        }
        if let Some(path) = &self.place.uri.pin_source {
            return pin::read(path).map(Entry::Pin);
        }
        if let Some(pin) = self.pin.clone().or_else(|| pin::typed(&token.name)) {
            return Ok(Entry::Pin(pin));
        }
        pin::ask(self.terminal.as_ref(), &token.name).await.map(Entry::Pin)
    }

    async fn public(&self) -> Result<&(Arc<Public>, PublicKey), Error> {
        let find = || self.with_key(|key| key.public());
        self.public
            .get_or_try_init(async || find().await.map(|(public, key)| (Arc::new(public), key)))
            .await
    }
}

#[async_trait]
impl Signer for Pkcs11Key {
    async fn public_key(&self) -> Result<PublicKey, Error> {
        self.public().await.map(|(_, key)| key.clone())
    }

    async fn sign(&self, algorithm: SigningAlgorithm, input: &[u8]) -> Result<Vec<u8>, Error> {
        let (public, _) = self.public().await?;
        let data = input.to_vec();
        let signature = self.with_key(move |key| key.sign(algorithm, &data)).await?;
        public.check(algorithm, input, &signature, &self.place.name)?;
        Ok(signature)
    }
}

/// Runs what may wait for a device. A module has no calls that do not block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| {
        Err(Error::new(Code::HostFault, "the PKCS#11 module ended unexpectedly", "try again"))
    })
}

fn unusable(message: impl Into<String>, remedy: impl Into<String>) -> Error {
    Error::new(Code::InvalidConfiguration, message, remedy)
}

/// Reports what a module answered, which is no secret.
fn failed(what: impl std::fmt::Display, error: &cryptoki::error::Error) -> Error {
    Error::new(
        Code::HostFault,
        format!("{what}: {}", printable(&error.to_string())),
        "check that the token is there and works, for example with: pkcs11-tool --list-objects",
    )
}
