//! A store that uses the keyring or files, depending on the machine.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::{Held, Key, Store};
use crate::error::Error;

/// Keeps sessions in the keyring if that works, otherwise in files.
///
/// The choice is made for each new session: `probe` tries the keyring before the user logs
/// in. From then on the session stays where it is.
pub struct AutoStore {
    keyring: Arc<dyn Store>,
    file: Arc<dyn Store>,
    /// Never chosen for a new session.
    other: Option<Arc<dyn Store>>,
    advice: Option<Advice>,
    /// The choices of this process, and where sessions were found.
    known: Mutex<BTreeMap<Key, Choice>>,
}

/// Returns what would be better than a file on this machine.
type Advice = Box<dyn Fn() -> Option<String> + Send + Sync>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Choice {
    Keyring,
    File,
    Other,
}

impl AutoStore {
    /// Creates a store over two others. Both must share their locks, as stores over one
    /// state folder do.
    pub fn new(keyring: Arc<dyn Store>, file: Arc<dyn Store>) -> Self {
        Self { keyring, file, other: None, advice: None, known: Mutex::default() }
    }

    /// Also finds the sessions of a store that the user has to choose, such as
    /// [`KeyringStore::kernel`](super::KeyringStore::kernel). It must share the locks too.
    pub fn also(self, other: Arc<dyn Store>) -> Self {
        Self { other: Some(other), ..self }
    }

    /// Adds to the notice that a file is used what would be better on this machine. Asked
    /// only when there is a notice.
    pub fn advice(self, advice: impl Fn() -> Option<String> + Send + Sync + 'static) -> Self {
        Self { advice: Some(Box::new(advice)), ..self }
    }

    /// Returns where the session is, or `None` if there is none.
    async fn holder(&self, key: &Key) -> Result<Option<Choice>, Error> {
        // Files first: if a move between the two was interrupted, both copies are complete,
        // and reading a file needs no keyring.
        for (choice, store) in self.stores() {
            if store.list().await?.contains(key) {
                self.remember(key, choice);
                return Ok(Some(choice));
            }
        }
        Ok(None)
    }

    fn stores(&self) -> impl Iterator<Item = (Choice, &dyn Store)> {
        let two = [(Choice::File, self.file.as_ref()), (Choice::Keyring, self.keyring.as_ref())];
        two.into_iter().chain(self.other.iter().map(|other| (Choice::Other, other.as_ref())))
    }

    /// Returns the store that has the session, or the one that was chosen for it.
    async fn store_of(&self, key: &Key) -> Result<&dyn Store, Error> {
        let choice = self.holder(key).await?.unwrap_or_else(|| self.choice(key));
        Ok(self.store(choice))
    }

    fn store(&self, choice: Choice) -> &dyn Store {
        match choice {
            Choice::Keyring => self.keyring.as_ref(),
            Choice::File => self.file.as_ref(),
            // OK because only a store that is there is chosen.
            Choice::Other => self.other.as_deref().expect("the other store"),
        }
    }

    fn choice(&self, key: &Key) -> Choice {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(key).copied().unwrap_or(Choice::File)
    }

    fn remember(&self, key: &Key, choice: Choice) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(key.clone(), choice);
    }
}

#[async_trait]
impl Store for AutoStore {
    async fn read(&self, key: &Key) -> Result<Option<Vec<u8>>, Error> {
        self.store_of(key).await?.read(key).await
    }

    async fn write(&self, held: &Held, bytes: &[u8]) -> Result<(), Error> {
        self.store_of(held.key()).await?.write(held, bytes).await
    }

    async fn delete(&self, held: &Held) -> Result<(), Error> {
        self.store_of(held.key()).await?.delete(held).await
    }

    async fn lock(&self, key: &Key) -> Result<Held, Error> {
        self.file.lock(key).await
    }

    async fn list(&self) -> Result<Vec<Key>, Error> {
        let mut keys = Vec::new();
        for (_, store) in self.stores() {
            keys.extend(store.list().await?);
        }
        keys.sort();
        keys.dedup();
        Ok(keys)
    }

    async fn set_aside(&self, held: &Held) -> Result<String, Error> {
        self.store_of(held.key()).await?.set_aside(held).await
    }

    async fn probe(&self, key: &Key) -> Result<Option<String>, Error> {
        if let Some(choice) = self.holder(key).await? {
            return self.store(choice).probe(key).await;
        }
        let reason = match self.keyring.probe(key).await {
            Ok(notice) => {
                self.remember(key, Choice::Keyring);
                return Ok(notice);
            }
            Err(reason) => reason,
        };
        self.remember(key, Choice::File);
        self.file.probe(key).await?;
        let advice = self.advice.as_ref().and_then(|advice| advice());
        let advice = advice.map(|advice| format!(". {advice}")).unwrap_or_default();
        Ok(Some(format!(
            "The session will be kept in {} instead of the keyring: {reason}{advice}",
            self.file.place(key)
        )))
    }

    fn place(&self, key: &Key) -> String {
        self.store(self.choice(key)).place(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::store::{MemoryStore, held};
    use crate::error::Code;

    /// A keyring that does not work while it is switched off.
    #[derive(Clone, Default)]
    struct Switched {
        store: MemoryStore,
        off: bool,
    }

    #[async_trait]
    impl Store for Switched {
        async fn read(&self, key: &Key) -> Result<Option<Vec<u8>>, Error> {
            self.store.read(key).await
        }
        async fn write(&self, held: &Held, bytes: &[u8]) -> Result<(), Error> {
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
        async fn set_aside(&self, held: &Held) -> Result<String, Error> {
            self.store.set_aside(held).await
        }
        async fn probe(&self, _key: &Key) -> Result<Option<String>, Error> {
            match self.off {
                true => Err(Error::new(Code::StoreUnusable, "nobody answers", "")),
                false => Ok(None),
            }
        }
        fn place(&self, _key: &Key) -> String {
            "the keyring".to_owned()
        }
    }

    struct Machine {
        keyring: MemoryStore,
        file: MemoryStore,
        auto: AutoStore,
    }

    fn machine(keyring_off: bool) -> Machine {
        let (keyring, file) = (MemoryStore::default(), MemoryStore::default());
        let switched = Switched { store: keyring.clone(), off: keyring_off };
        let auto = AutoStore::new(Arc::new(switched), Arc::new(file.clone()));
        Machine { keyring, file, auto }
    }

    fn key() -> Key {
        Key { profile: "work".to_owned(), account: "a".to_owned() }
    }

    #[tokio::test]
    async fn a_new_session_goes_to_the_keyring() {
        let Machine { keyring, file, auto } = machine(false);
        assert_eq!(auto.probe(&key()).await.expect("a keyring"), None);
        auto.write(&held(&key()), b"x").await.expect("a write");
        assert!(keyring.read(&key()).await.expect("a read").is_some());
        assert!(file.read(&key()).await.expect("a read").is_none());
        assert_eq!(auto.place(&key()), "the keyring");
        assert_eq!(auto.read(&key()).await.expect("a read"), Some(b"x".to_vec()));
    }

    #[tokio::test]
    async fn without_a_keyring_a_file_is_used_and_the_user_is_told_why() {
        let Machine { file, auto, .. } = machine(true);
        let notice = auto.probe(&key()).await.expect("a file").expect("a notice");
        assert!(notice.ends_with("instead of the keyring: nobody answers"), "{notice}");
        auto.write(&held(&key()), b"x").await.expect("a write");
        assert!(file.read(&key()).await.expect("a read").is_some());
    }

    #[tokio::test]
    async fn the_notice_ends_with_the_advice_for_this_machine() {
        let Machine { auto, .. } = machine(true);
        let auto = auto.advice(|| Some("Safer here: a vault".to_owned()));
        let notice = auto.probe(&key()).await.expect("a file").expect("a notice");
        assert!(notice.ends_with("nobody answers. Safer here: a vault"), "{notice}");
    }

    #[tokio::test]
    async fn a_store_that_is_also_there_is_searched_and_never_chosen() {
        for keyring_off in [true, false] {
            let Machine { auto, .. } = machine(keyring_off);
            let other = MemoryStore::default();
            let auto = auto.also(Arc::new(other.clone()));
            auto.probe(&key()).await.expect("a store");
            auto.write(&held(&key()), b"new").await.expect("a write");
            assert_eq!(other.list().await.expect("a list"), []);
            let moved = Key { profile: "moved".to_owned(), ..key() };
            other.write(&held(&moved), b"1").await.expect("a write");
            assert_eq!(auto.read(&moved).await.expect("a read"), Some(b"1".to_vec()));
            assert_eq!(auto.list().await.expect("a list"), [moved.clone(), key()]);
            auto.delete(&held(&moved)).await.expect("a deletion");
            assert_eq!(other.list().await.expect("a list"), []);
        }
    }

    #[tokio::test]
    async fn a_session_stays_where_it_is() {
        let Machine { keyring, file, auto } = machine(false);
        file.write(&held(&key()), b"1").await.expect("a write");
        assert_eq!(auto.probe(&key()).await.expect("a file"), None);
        auto.write(&held(&key()), b"2").await.expect("a write");
        assert_eq!(file.read(&key()).await.expect("a read"), Some(b"2".to_vec()));
        assert_eq!(keyring.list().await.expect("a list"), []);
        auto.delete(&held(&key())).await.expect("a deletion");
        assert_eq!(auto.list().await.expect("a list"), []);
    }

    #[tokio::test]
    async fn a_session_in_the_keyring_is_found_by_a_later_process() {
        let Machine { keyring, auto, .. } = machine(true);
        keyring.write(&held(&key()), b"1").await.expect("a write");
        assert_eq!(auto.read(&key()).await.expect("a read"), Some(b"1".to_vec()));
        assert_eq!(auto.list().await.expect("a list"), [key()]);
        // A session that cannot be reached still exists, so no second one may be written.
        auto.probe(&key()).await.expect_err("the keyring is off");
    }
}
