//! The Secret Service of Linux and BSD desktops: GNOME Keyring, KWallet,
//! KeePassXC.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;

use keyring_core::Entry;
use keyring_core::api::CredentialStoreApi as _;
use zbus::blocking::Connection as Bus;
use zbus::zvariant::{OwnedObjectPath, OwnedValue};
use zbus_secret_service_keyring_store::Store;

use super::super::vault::Trouble;
use super::in_words;

pub(super) const NAME: &str = "Secret Service";
pub(super) const LARGEST: Option<usize> = None;

const DESTINATION: &str = "org.freedesktop.secrets";
const SERVICE_PATH: &str = "/org/freedesktop/secrets";
const SERVICE: &str = "org.freedesktop.Secret.Service";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
/// What an alias names that names nothing.
const NOWHERE: &str = "/";

/// The store, and a line of our own to ask what the store would not: it unlocks
/// whatever is locked, which opens a window and waits for a person.
pub(super) struct Connection {
    store: Arc<Store>,
    bus: Bus,
}

impl Connection {
    /// Both at once: the store's key exchange takes several times as long as all
    /// the rest.
    pub(super) fn new() -> Result<Self, Trouble> {
        thread::scope(|scope| {
            let store = scope.spawn(Store::new);
            let bus = Bus::session().map_err(no_bus)?;
            let store = store.join().map_err(|_| Trouble::Failed("it cannot be reached".into()))?;
            match store {
                Ok(store) => Ok(Self { store, bus }),
                // Our own line says in better words what is wrong, if it can.
                Err(error) => Err(ask(&bus, "ReadAlias", &("default",))
                    .err()
                    .unwrap_or_else(|| in_words(error))),
            }
        })
    }

    /// Fails where to use the entry would ask the person for a password.
    pub(super) fn entry(&self, service: &str, name: &str) -> Result<Entry, Trouble> {
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
        let label = format!("{service} {name}");
        let label = HashMap::from([("label", label.as_str())]);
        self.store.build(service, name, Some(&label)).map_err(in_words)
    }

    /// Where a new entry would go. Some services do not tell what a locked
    /// collection holds, so that a search that finds nothing proves nothing.
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
