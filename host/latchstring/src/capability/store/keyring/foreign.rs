//! Keyring entries of other programs.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::system::SystemVault;
use super::vault::Vault;
use super::{TIME_LIMIT, time_limit};
use crate::error::Error;

/// Prefix of a value that a program has encoded.
const ENCODED: &str = "go-keyring-base64:";

/// An entry of another program.
pub(crate) struct ForeignEntry {
    pub(crate) service: String,
    pub(crate) account: String,
}

impl ForeignEntry {
    /// Returns the entry's value, or `None` if there is no such entry.
    pub(crate) async fn read(&self) -> Result<Option<Zeroizing<String>>, Error> {
        let account = self.account.clone();
        let value =
            time_limit::run(&self.vault(), TIME_LIMIT, move |vault| vault.get(&account)).await;
        let value = value.map_err(|trouble| trouble.into_error(&self.place()))?;
        Ok(value.map(|value| decoded(&value)))
    }

    /// Deletes the entry. Returns false if there was none.
    pub(crate) async fn delete(&self) -> Result<bool, Error> {
        let account = self.account.clone();
        time_limit::run(&self.vault(), TIME_LIMIT, move |vault| vault.delete(&account))
            .await
            .map_err(|trouble| trouble.into_error(&self.place()))
    }

    /// Returns a description of the entry for the user.
    pub(crate) fn place(&self) -> String {
        format!("the keyring's entry {} {}", self.service, self.account)
    }

    fn vault(&self) -> Arc<dyn Vault> {
        Arc::new(SystemVault::of(&self.service))
    }
}

fn decoded(value: &[u8]) -> Zeroizing<String> {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let text = String::from_utf8_lossy(value);
    let decoded = text
        .strip_prefix(ENCODED)
        .and_then(|encoded| STANDARD.decode(encoded).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok());
    Zeroizing::new(decoded.unwrap_or_else(|| text.into_owned()))
}
