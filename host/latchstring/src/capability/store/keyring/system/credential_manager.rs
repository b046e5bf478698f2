//! Credential Manager of Windows.

use std::collections::HashMap;
use std::sync::Arc;

use keyring_core::api::CredentialStoreApi as _;
use keyring_core::{Entry, Error};
use windows_native_keyring_store::Store;
use zeroize::Zeroizing;

use super::super::vault::Trouble;
use super::in_words;

pub(super) const NAME: &str = "Credential Manager";
/// `CRED_MAX_CREDENTIAL_BLOB_SIZE`, in bytes as `set_secret` hands them over.
pub(super) const LARGEST: Option<usize> = Some(2560);

/// The person's credentials.
pub(super) struct Connection(Arc<Store>);

impl Connection {
    pub(super) fn new() -> Result<Self, Trouble> {
        Store::new().map(Self).map_err(in_words)
    }

    /// Kept on this machine: the lock of a session does not reach others.
    pub(super) fn entry(&self, service: &str, name: &str) -> Result<Entry, Trouble> {
        let here = HashMap::from([("persistence", "Local")]);
        self.0.build(service, name, Some(&here)).map_err(in_words)
    }

    /// What the entry holds; none where there is no such entry.
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
