//! The keyring of the operating system.

#[cfg_attr(target_os = "macos", path = "system/keychain.rs")]
#[cfg_attr(windows, path = "system/credential_manager.rs")]
#[cfg_attr(all(unix, not(target_os = "macos")), path = "system/secret_service.rs")]
mod platform;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keyring_core::{Entry, Error};
use zeroize::Zeroizing;

use super::vault::{Trouble, Vault};

/// The service name of this program's entries.
const SERVICE: &str = "latchstring";

/// The system's keyring. One connection is made when it is first needed, and kept.
pub(super) struct SystemVault {
    /// The service name of the entries.
    service: String,
    connection: Mutex<Option<Arc<platform::Connection>>>,
}

impl Default for SystemVault {
    fn default() -> Self {
        Self::of(SERVICE)
    }
}

impl SystemVault {
    /// Returns the entries of another program, which uses this service name.
    pub(super) fn of(service: &str) -> Self {
        Self { service: service.to_owned(), connection: Mutex::default() }
    }

    fn connection(&self) -> MutexGuard<'_, Option<Arc<platform::Connection>>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the connection, and whether it existed before.
    fn connected(&self) -> Result<(Arc<platform::Connection>, bool), Trouble> {
        let known = self.connection().clone();
        match known {
            Some(connection) => Ok((connection, true)),
            // Connect without holding the mutex, because connecting may hang.
            None => {
                let connection = Arc::new(platform::Connection::new()?);
                Ok((self.connection().insert(connection).clone(), false))
            }
        }
    }

    /// Calls the keyring. If an old connection fails, tries again over a new one: the
    /// keyring may have been restarted.
    fn call<T>(
        &self,
        call: impl Fn(&platform::Connection) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        loop {
            let (connection, is_old) = self.connected()?;
            let outcome = call(&connection);
            if !matches!(outcome, Err(Trouble::Failed(_) | Trouble::Absent(_))) {
                return outcome;
            }
            self.disconnect();
            if !is_old {
                return outcome;
            }
        }
    }

    /// Changes the entry. Returns `None` if there is no such entry.
    fn change<T>(
        &self,
        entry: &str,
        change: impl Fn(Entry) -> Result<T, Error>,
    ) -> Result<Option<T>, Trouble> {
        self.call(|connection| match change(connection.entry(&self.service, entry)?) {
            Ok(value) => Ok(Some(value)),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(in_words(error)),
        })
    }
}

impl Vault for SystemVault {
    fn connect(&self) -> Result<(), Trouble> {
        self.connected().map(drop)
    }

    fn get(&self, entry: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Trouble> {
        self.call(|connection| connection.read(&self.service, entry))
    }

    fn set(&self, entry: &str, value: &[u8]) -> Result<(), Trouble> {
        let set = self.change(entry, |entry| entry.set_secret(value))?;
        set.ok_or_else(|| {
            Trouble::Failed("the entry disappeared while it was being written".to_owned())
        })
    }

    fn delete(&self, entry: &str) -> Result<bool, Trouble> {
        let deleted = self.change(entry, |entry| entry.delete_credential())?;
        Ok(deleted.is_some())
    }

    fn largest(&self) -> Option<usize> {
        platform::LARGEST
    }

    fn disconnect(&self) {
        self.connection().take();
    }

    fn name(&self) -> &'static str {
        platform::NAME
    }
}

/// Converts the error. Variants that contain a secret are not quoted.
fn in_words(error: Error) -> Trouble {
    match error {
        Error::PlatformFailure(reason) | Error::NoStorageAccess(reason) => {
            Trouble::Failed(reason.to_string())
        }
        Error::Ambiguous(entries) => {
            Trouble::Failed(format!("it has {} entries of the same name", entries.len()))
        }
        Error::TooLong(what, limit) => {
            Trouble::Failed(format!("the entry's {what} is longer than {limit}"))
        }
        Error::Invalid(what, reason) => Trouble::Failed(format!("the entry's {what} {reason}")),
        Error::NotSupportedByStore(reason) => Trouble::Failed(reason),
        _ => Trouble::Failed("its answer makes no sense".to_owned()),
    }
}
