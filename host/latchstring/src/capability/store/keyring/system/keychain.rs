//! The Keychain of macOS.
//!
//! A locked keychain asks the user itself. The time limit of an operation ends that wait.

use std::sync::Arc;

use apple_native_keyring_store::keychain::Store;
use keyring_core::api::CredentialStoreApi as _;
use keyring_core::{Entry, Error};
use zeroize::Zeroizing;

use super::super::vault::Trouble;
use super::in_words;

pub(super) const NAME: &str = "Keychain";
pub(super) const LARGEST: Option<usize> = None;

/// A connection to the login keychain.
pub(super) struct Connection(Arc<Store>);

impl Connection {
    pub(super) fn new() -> Result<Self, Trouble> {
        Store::new().map(Self).map_err(in_words)
    }

    pub(super) fn entry(&self, service: &str, name: &str) -> Result<Entry, Trouble> {
        self.0.build(service, name, None).map_err(in_words)
    }

    /// Returns the value of the entry, or `None` if there is no such entry.
    pub(super) fn read(
        &self,
        service: &str,
        name: &str,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Trouble> {
        match self.entry(service, name)?.get_secret() {
            Ok(secret) => Ok(Some(Zeroizing::new(secret))),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(in_words(error)),
        }
    }
}
