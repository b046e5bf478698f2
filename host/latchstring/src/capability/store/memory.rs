//! A store in this process's memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::OwnedMutexGuard;

use super::{Held, Key, Lock, Store, nothing_to_set_aside};
use crate::error::Error;

/// Keeps sessions in this process's memory, for tests and for machines on which nothing may
/// be written. Clones share the sessions.
#[derive(Default, Clone)]
pub struct MemoryStore {
    entries: Arc<Mutex<BTreeMap<Key, Entry>>>,
}

#[derive(Default)]
struct Entry {
    bytes: Option<Vec<u8>>,
    lock: Arc<tokio::sync::Mutex<()>>,
}

struct MemoryLock {
    _guard: OwnedMutexGuard<()>,
}

impl Lock for MemoryLock {}

impl MemoryStore {
    fn entries(&self) -> MutexGuard<'_, BTreeMap<Key, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn read(&self, key: &Key) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.entries().get(key).and_then(|entry| entry.bytes.clone()))
    }

    async fn write(&self, held: &Held, bytes: &[u8]) -> Result<(), Error> {
        self.entries().entry(held.key().clone()).or_default().bytes = Some(bytes.to_vec());
        Ok(())
    }

    async fn delete(&self, held: &Held) -> Result<(), Error> {
        if let Some(entry) = self.entries().get_mut(held.key()) {
            entry.bytes = None;
        }
        Ok(())
    }

    /// Deletes the session: a session in memory cannot be inspected later anyway.
    async fn set_aside(&self, held: &Held) -> Result<String, Error> {
        let stored = self.entries().get_mut(held.key()).and_then(|entry| entry.bytes.take());
        match stored {
            Some(_) => Ok("nowhere: this process's memory forgets it".to_owned()),
            None => Err(nothing_to_set_aside(&self.place(held.key()))),
        }
    }

    async fn lock(&self, key: &Key) -> Result<Held, Error> {
        let lock = self.entries().entry(key.clone()).or_default().lock.clone();
        let _guard = lock.lock_owned().await;
        Ok(Held::new(key, MemoryLock { _guard }))
    }

    async fn list(&self) -> Result<Vec<Key>, Error> {
        let entries = self.entries();
        let stored = entries.iter().filter(|(_, entry)| entry.bytes.is_some());
        Ok(stored.map(|(key, _)| key.clone()).collect())
    }

    fn place(&self, _key: &Key) -> String {
        "this process's memory".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::store::held;

    fn key(account: &str) -> Key {
        Key { profile: "work".to_owned(), account: account.to_owned() }
    }

    #[tokio::test]
    async fn keeps_what_was_written_last_until_it_is_deleted() {
        let store = MemoryStore::default();
        assert_eq!(store.read(&key("a")).await.expect("read"), None);
        store.write(&held(&key("b")), b"1").await.expect("write");
        store.write(&held(&key("a")), b"2").await.expect("write");
        store.write(&held(&key("a")), b"3").await.expect("write");
        assert_eq!(store.read(&key("a")).await.expect("read"), Some(b"3".to_vec()));
        assert_eq!(store.list().await.expect("list"), [key("a"), key("b")]);
        store.delete(&held(&key("a"))).await.expect("delete");
        store.delete(&held(&key("a"))).await.expect("delete again");
        assert_eq!(store.list().await.expect("list"), [key("b")]);
    }

    #[tokio::test]
    async fn a_session_that_is_set_aside_is_forgotten() {
        let store = MemoryStore::default();
        store.set_aside(&held(&key("a"))).await.expect_err("nothing is stored");
        store.write(&held(&key("a")), b"1").await.expect("write");
        store.set_aside(&held(&key("a"))).await.expect("set aside");
        assert_eq!(store.list().await.expect("list"), []);
    }

    #[tokio::test]
    async fn a_lock_excludes_the_same_key_only() {
        let store = MemoryStore::default();
        let held = store.lock(&key("a")).await.expect("lock");
        let _other = store.lock(&key("b")).await.expect("another key's lock");
        let key = key("a");
        let mut waiting = store.lock(&key);
        let pending = std::future::poll_fn(|cx| {
            std::task::Poll::Ready(waiting.as_mut().poll(cx).is_pending())
        });
        assert!(pending.await);
        drop(held);
        waiting.await.expect("released");
    }
}
