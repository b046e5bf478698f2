//! A login that replaces a session that cannot be read.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;

use crate::capability::store::{Held, Key, Store};
use crate::capability::terminal::Terminal;
use crate::error::{Code, Error};

/// Hides what is stored under `key`, and sets it aside when a new session is written: a login
/// that comes to nothing leaves everything as it was.
pub(super) struct Replacing<'a> {
    store: &'a dyn Store,
    terminal: &'a dyn Terminal,
    key: &'a Key,
    damage: Error,
    is_aside: AtomicBool,
}

impl<'a> Replacing<'a> {
    pub(super) fn new(
        store: &'a dyn Store,
        terminal: &'a dyn Terminal,
        key: &'a Key,
        damage: Error,
    ) -> Self {
        Self { store, terminal, key, damage, is_aside: AtomicBool::new(false) }
    }

    async fn set_aside(&self, held: &Held) -> Result<(), Error> {
        let place = self.store.set_aside(held).await?;
        self.terminal.say(&format!("{}; it is kept as {place}", self.damage.message()));
        self.is_aside.store(true, Ordering::Relaxed);
        Ok(())
    }
}

#[async_trait]
impl Store for Replacing<'_> {
    async fn read(&self, key: &Key) -> Result<Option<Vec<u8>>, Error> {
        match key == self.key {
            true => Ok(None),
            false => self.store.read(key).await,
        }
    }

    async fn write(&self, held: &Held, bytes: &[u8]) -> Result<(), Error> {
        if held.key() == self.key && !self.is_aside.load(Ordering::Relaxed) {
            self.set_aside(held).await?;
        }
        self.store.write(held, bytes).await
    }

    async fn delete(&self, held: &Held) -> Result<(), Error> {
        self.store.delete(held).await
    }

    async fn lock(&self, key: &Key) -> Result<Held, Error> {
        self.store.lock(key).await
    }

    async fn list(&self) -> Result<Vec<Key>, Error> {
        self.store.list().await
    }

    async fn probe(&self, key: &Key) -> Result<Option<String>, Error> {
        match self.store.probe(key).await {
            Err(error) if error.code() == Code::StoredDamaged => Ok(None),
            result => result,
        }
    }

    fn place(&self, key: &Key) -> String {
        self.store.place(key)
    }
}
