//! The Credential Manager of Windows.

use std::collections::HashMap;
use std::sync::Arc;

use keyring_core::api::CredentialStoreApi as _;
use keyring_core::{Entry, Error};
use windows_native_keyring_store::Store;
use zeroize::Zeroizing;

use super::super::vault::Trouble;
use super::in_words;

pub(super) const NAME: &str = "Credential Manager";
/// `CRED_MAX_CREDENTIAL_BLOB_SIZE`, the most bytes that `set_secret` accepts.
pub(super) const LARGEST: Option<usize> = Some(2560);

/// A connection to the user's credentials.
pub(super) struct Connection(Arc<Store>);

impl Connection {
    pub(super) fn new() -> Result<Self, Trouble> {
        Store::new().map(Self).map_err(in_words)
    }

    /// Returns an entry that stays on this machine, because a session's lock does not reach
    /// other machines.
    pub(super) fn entry(&self, service: &str, name: &str) -> Result<Entry, Trouble> {
        let here = HashMap::from([("persistence", "Local")]);
        self.0.build(service, name, Some(&here)).map_err(in_words)
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
