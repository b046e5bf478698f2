//! Keychain of macOS.
//!
//! A locked keychain asks the person by itself; the time limit of an operation
//! is what ends the wait.

use std::sync::Arc;

use apple_native_keyring_store::keychain::Store;
use keyring_core::Entry;
use keyring_core::api::CredentialStoreApi as _;

use super::super::vault::Trouble;
use super::in_words;

pub(super) const NAME: &str = "Keychain";
pub(super) const LARGEST: Option<usize> = None;

/// The login keychain.
pub(super) struct Connection(Arc<Store>);

impl Connection {
    pub(super) fn new() -> Result<Self, Trouble> {
        Store::new().map(Self).map_err(in_words)
    }

    pub(super) fn entry(&self, service: &str, name: &str) -> Result<Entry, Trouble> {
        self.0.build(service, name, None).map_err(in_words)
    }
}
