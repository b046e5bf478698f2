//! The Secret Service of Linux and BSD desktops: GNOME Keyring, KWallet or KeePassXC.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use keyring_core::Entry;
use keyring_core::api::CredentialStoreApi as _;
use zbus::blocking::Connection as Bus;
use zbus::zvariant::{OwnedObjectPath, OwnedValue, Value};
use zbus_secret_service_keyring_store::Store;
use zeroize::Zeroizing;

use super::super::vault::Trouble;
use super::in_words;

pub(super) const NAME: &str = "Secret Service";
pub(super) const LARGEST: Option<usize> = None;

const DESTINATION: &str = "org.freedesktop.secrets";
const SERVICE_PATH: &str = "/org/freedesktop/secrets";
const SERVICE: &str = "org.freedesktop.Secret.Service";
const ITEM: &str = "org.freedesktop.Secret.Item";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
/// The path that an alias has if it refers to no collection.
const NOWHERE: &str = "/";

/// A separate D-Bus connection to the service, and the store for changes.
///
/// The store would unlock a locked collection, which opens a window and waits for the user,
/// so this is checked first. Each connection of the store also begins with a key exchange,
/// which takes longer than everything else. Reads do without it: the bus is a socket of
/// this user only, and a program that can read its traffic could also ask for the secret.
pub(super) struct Connection {
    bus: Bus,
    /// The session for reading secrets, opened by the first read.
    session: OnceLock<OwnedObjectPath>,
    store: OnceLock<Arc<Store>>,
}

impl Connection {
    pub(super) fn new() -> Result<Self, Trouble> {
        let bus = Bus::session().map_err(no_bus)?;
        Ok(Self { bus, session: OnceLock::new(), store: OnceLock::new() })
    }

    /// Returns the value of the entry, or `None` if there is no such entry. Fails if
    /// reading would ask the user for a password.
    pub(super) fn read(
        &self,
        service: &str,
        name: &str,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Trouble> {
        let item = match self.find(service, name)?.as_slice() {
            [] => return Ok(None),
            [item] => item.clone(),
            items => {
                let count = items.len();
                return Err(Trouble::Failed(format!("it has {count} entries of the same name")));
            }
        };
        let answer = self
            .bus
            .call_method(Some(DESTINATION), &item, Some(ITEM), "GetSecret", &(self.session()?,))
            .map_err(failed)?;
        // The session, its parameters, the secret, and its content type.
        let (_, _, secret, _): (OwnedObjectPath, Vec<u8>, Vec<u8>, String) =
            answer.body().deserialize().map_err(failed)?;
        Ok(Some(Zeroizing::new(secret)))
    }

    /// Returns the entry in order to change it. Fails if that would ask the user for a
    /// password.
    pub(super) fn entry(&self, service: &str, name: &str) -> Result<Entry, Trouble> {
        self.find(service, name)?;
        let label = format!("{service} {name}");
        let label = HashMap::from([("label", label.as_str())]);
        self.store()?.build(service, name, Some(&label)).map_err(in_words)
    }

    /// Returns the items with this name. All of them are unlocked.
    fn find(&self, service: &str, name: &str) -> Result<Vec<OwnedObjectPath>, Trouble> {
        let attributes = HashMap::from([("service", service), ("username", name)]);
        let found = ask(&self.bus, "SearchItems", &(attributes,))?;
        let (unlocked, locked): (Vec<OwnedObjectPath>, Vec<OwnedObjectPath>) =
            found.body().deserialize().map_err(failed)?;
        if !locked.is_empty() {
            return Err(Trouble::Locked);
        }
        if unlocked.is_empty() {
            self.check_default_collection()?;
        }
        Ok(unlocked)
    }

    fn session(&self) -> Result<&OwnedObjectPath, Trouble> {
        if let Some(session) = self.session.get() {
            return Ok(session);
        }
        let answer = ask(&self.bus, "OpenSession", &("plain", Value::from("")))?;
        let (_, session): (OwnedValue, OwnedObjectPath) =
            answer.body().deserialize().map_err(failed)?;
        Ok(self.session.get_or_init(|| session))
    }

    fn store(&self) -> Result<Arc<Store>, Trouble> {
        if let Some(store) = self.store.get() {
            return Ok(store.clone());
        }
        let store = Store::new().map_err(in_words)?;
        Ok(self.store.get_or_init(|| store).clone())
    }

    /// Checks that the collection for new entries exists and is unlocked. Some services do
    /// not show the content of a locked collection, so that an empty search result proves
    /// nothing.
    fn check_default_collection(&self) -> Result<(), Trouble> {
        let collection: OwnedObjectPath =
            ask(&self.bus, "ReadAlias", &("default",))?.body().deserialize().map_err(failed)?;
        if collection.as_str() == NOWHERE {
            return Err(Trouble::Unready);
        }
        let property = ("org.freedesktop.Secret.Collection", "Locked");
        let answer = self
            .bus
            .call_method(Some(DESTINATION), &collection, Some(PROPERTIES), "Get", &property)
            .map_err(failed)?;
        let locked: OwnedValue = answer.body().deserialize().map_err(failed)?;
        match bool::try_from(locked) {
            Ok(false) => Ok(()),
            _ => Err(Trouble::Locked),
        }
    }
}

fn ask<B>(bus: &Bus, method: &str, arguments: &B) -> Result<zbus::Message, Trouble>
where
    B: serde::Serialize + zbus::zvariant::DynamicType,
{
    bus.call_method(Some(DESTINATION), SERVICE_PATH, Some(SERVICE), method, arguments)
        .map_err(failed)
}

fn no_bus(error: zbus::Error) -> Trouble {
    Trouble::Absent(format!("no D-Bus session bus ({error})"))
}

fn failed(error: impl Into<zbus::Error>) -> Trouble {
    match error.into() {
        zbus::Error::MethodError(name, words, _) => {
            let unserved = [
                "org.freedesktop.DBus.Error.ServiceUnknown",
                "org.freedesktop.DBus.Error.NameHasNoOwner",
            ];
            if unserved.contains(&name.as_str()) || name.contains(".Spawn.") {
                return Trouble::Absent("nothing provides org.freedesktop.secrets".to_owned());
            }
            Trouble::Failed(words.unwrap_or_else(|| name.to_string()))
        }
        error => Trouble::Failed(error.to_string()),
    }
}
