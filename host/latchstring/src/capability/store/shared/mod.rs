//! A store that several machines share, on a server that others run.

mod address;
mod engine;
mod password;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
mod sealed;
mod worker;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use address::EngineKind;
pub use address::StoreAddress;
use engine::{ATTEMPT, Engine, EngineLock, LEASE, Saved, Trouble, TroubleKind, retry};
use worker::Worker;

use super::locks::{FileLock, Locks};
use super::{Encryption, Held, Key, Lock, Store};
use crate::capability::entropy::{Entropy as _, SystemEntropy};
use crate::error::{Code, Error};

/// Longest time that a read waits for a server that does not answer.
const READ_LIMIT: Duration = Duration::from_secs(10);
/// Longest time that a drop waits for the server to release a lock.
const RELEASE_LIMIT: Duration = Duration::from_secs(1);

/// Keeps sessions on a PostgreSQL or Redis server, encrypted, for every machine that has the
/// key.
///
/// A save replaces only the session that was there when the lock was taken. If another
/// machine has taken over the lock, the save fails and nothing is lost.
pub struct SharedStore {
    address: StoreAddress,
    engine: Arc<dyn Engine>,
    encryption: Encryption,
    /// The locks of this machine, so that it has one waiter at the server for each session.
    locks: Locks,
    worker: OnceLock<Arc<Worker>>,
    held: Mutex<BTreeMap<Key, Weak<HeldLock>>>,
}

impl SharedStore {
    /// Prepares a store. No connection is made until it is used.
    ///
    /// `folder` is for the locks of this machine. Without a password in the address, it is
    /// taken from `LATCH_STORE_PASSWORD` or the file that `LATCH_STORE_PASSWORD_FILE` names,
    /// and for PostgreSQL also from where `psql` looks.
    ///
    /// # Errors
    ///
    /// Returns `invalid-configuration` if the address has unknown parameters or this program
    /// was built without support for the server, and `store-unusable` if a password cannot
    /// be read.
    pub fn new(
        address: &StoreAddress,
        folder: PathBuf,
        encryption: Encryption,
    ) -> Result<Self, Error> {
        let engine: Arc<dyn Engine> = match address.engine() {
            #[cfg(feature = "postgres")]
            EngineKind::Postgres => Arc::new(Arc::new(postgres::Postgres::new(address)?)),
            #[cfg(feature = "redis")]
            EngineKind::Redis => Arc::new(Arc::new(redis::Redis::new(address)?)),
            #[cfg(not(all(feature = "postgres", feature = "redis")))]
            _ => return Err(unsupported(address)),
        };
        Ok(Self {
            address: address.clone(),
            engine,
            encryption,
            locks: Locks::new(folder),
            worker: OnceLock::new(),
            held: Mutex::default(),
        })
    }

    /// Sets how long to wait for a lock or for a server that does not answer. The default is
    /// 60 seconds.
    pub fn lock_patience(mut self, lock_patience: Duration) -> Self {
        self.locks.patience = lock_patience;
        self
    }

    /// Returns the statements that create what a store at this address needs, or `None` if it
    /// needs nothing.
    #[cfg(feature = "postgres")]
    pub fn creating_statements(address: &StoreAddress) -> Option<&'static str> {
        match address.engine() {
            EngineKind::Postgres => Some(postgres::CREATE),
            EngineKind::Redis => None,
        }
    }

    /// Creates what a store at this address needs on the server, if it is missing. Waits at
    /// most `patience` for the server.
    ///
    /// # Errors
    ///
    /// Returns `store-unusable` if it cannot be created.
    #[cfg(feature = "postgres")]
    pub async fn create(address: &StoreAddress, patience: Duration) -> Result<(), Error> {
        match address.engine() {
            EngineKind::Postgres => {
                let postgres = Arc::new(postgres::Postgres::new(address)?);
                let created =
                    retry(&postgres, deadline(patience), ATTEMPT, || postgres.create()).await;
                created.map_err(|trouble| error(address, "create the table in", &trouble))
            }
            EngineKind::Redis => Ok(()),
        }
    }

    fn worker(&self) -> Result<&Arc<Worker>, Error> {
        if self.worker.get().is_none() {
            let worker = Arc::new(Worker::start()?);
            return Ok(self.worker.get_or_init(|| worker));
        }
        // OK because it was there a line ago, and is never removed.
        Ok(self.worker.get().expect("a worker"))
    }

    /// Runs `work` on the store's thread. `what` is its verb, for an error.
    async fn run<T: Send + 'static>(
        &self,
        what: &str,
        work: impl Future<Output = Result<T, Trouble>> + Send + 'static,
    ) -> Result<T, Error> {
        self.worker()?.run(work).await?.map_err(|trouble| error(&self.address, what, &trouble))
    }

    fn deadline(&self) -> Instant {
        deadline(self.locks.patience)
    }

    /// Returns the row of a session, still encrypted.
    async fn row(&self, key: &Key) -> Result<Option<Vec<u8>>, Error> {
        let (engine, name) = (Arc::clone(&self.engine), sealed::row_name(key));
        let deadline = deadline(self.locks.patience.min(READ_LIMIT));
        self.run("read the session in", async move {
            retry(engine.as_ref(), deadline, ATTEMPT, || engine.read(&name)).await
        })
        .await
    }

    fn open(&self, key: &Key, row: &[u8]) -> Result<Vec<u8>, Error> {
        let (found, session) = sealed::open(&self.encryption, row, &self.place(key))?;
        if found == *key {
            return Ok(session);
        }
        Err(Error::new(
            Code::StoreUnusable,
            format!("{} returned another session than the one asked for", self.address),
            "somebody has exchanged rows on the server; nothing was changed",
        ))
    }

    /// Takes the lock of the server. `local` is the lock of this machine.
    async fn lock_engine(
        &self,
        key: &Key,
        local: Option<FileLock>,
        deadline: Instant,
    ) -> Result<Arc<HeldLock>, Error> {
        let (engine, name) = (Arc::clone(&self.engine), sealed::row_name(key));
        let worker = Arc::clone(self.worker()?);
        let token = lock_token()?;
        let held = self
            .run("lock the session in", async move {
                let lock = retry(engine.as_ref(), deadline, Duration::MAX, || {
                    engine.lock(&name, &token, deadline)
                })
                .await?;
                Ok(HeldLock::new(engine, lock, worker, local))
            })
            .await?;
        let held = Arc::new(held);
        self.known().insert(key.clone(), Arc::downgrade(&held));
        Ok(held)
    }

    /// Returns the lock of the server that stands behind `held`. One is taken if `held` is
    /// the lock of another store over the same folder, which a session moves from or to.
    async fn engine_lock(&self, held: &Held) -> Result<Arc<HeldLock>, Error> {
        let known = self.known().get(held.key()).and_then(Weak::upgrade);
        match known {
            Some(lock) => Ok(lock),
            None => self.lock_engine(held.key(), None, self.deadline()).await,
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, BTreeMap<Key, Weak<HeldLock>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn save(&self, held: &Held, row: Option<Vec<u8>>) -> Result<Saved, Trouble> {
        let refused = |error: Error| Trouble::new(TroubleKind::Refused, error.message());
        let lock = self.engine_lock(held).await;
        let lock = lock.map_err(|error| Trouble::new(TroubleKind::Locked, error.message()))?;
        let engine = Arc::clone(&self.engine);
        let (name, deadline) = (sealed::row_name(held.key()), self.deadline());
        let token = lock_token().map_err(refused)?;
        let work = async move {
            let (engine, row) = (engine.as_ref(), row.as_deref());
            let saved = retry(engine, deadline, ATTEMPT, || lock.lock.save(row)).await?;
            if saved == Saved::Saved {
                return Ok(saved);
            }
            // The next holder may have died before it saved anything. Then the provider's
            // last answer is still this one.
            drop(lock.lock.release().await);
            let again =
                retry(engine, deadline, Duration::MAX, || engine.lock(&name, &token, deadline))
                    .await?;
            let saved = match again.version() == lock.lock.version() {
                true => retry(engine, deadline, ATTEMPT, || again.save(row)).await,
                false => Ok(Saved::Superseded),
            };
            drop(again.release().await);
            saved
        };
        self.worker().map_err(refused)?.run(work).await.map_err(refused)?
    }
}

#[async_trait]
impl Store for SharedStore {
    async fn read(&self, key: &Key) -> Result<Option<Vec<u8>>, Error> {
        let row = self.row(key).await?;
        row.map(|row| self.open(key, &row)).transpose()
    }

    async fn write(&self, held: &Held, bytes: &[u8]) -> Result<(), Error> {
        let row = sealed::seal(&self.encryption, held.key(), bytes).ok_or_else(|| {
            Error::new(
                Code::NotSaved,
                "the session cannot be encrypted with this key",
                "check the key; the session was not saved",
            )
        })?;
        match self.save(held, Some(row)).await {
            Ok(Saved::Saved) => Ok(()),
            Ok(Saved::Superseded) => Err(superseded(&self.address, Code::NotSaved)),
            Err(trouble) => {
                let error = error(&self.address, "save the session in", &trouble);
                Err(Error::new(Code::NotSaved, error.message(), error.remedy()))
            }
        }
    }

    async fn delete(&self, held: &Held) -> Result<(), Error> {
        match self.save(held, None).await {
            Ok(Saved::Saved) => Ok(()),
            Ok(Saved::Superseded) => Err(superseded(&self.address, Code::StoreUnusable)),
            Err(trouble) => Err(error(&self.address, "delete the session in", &trouble)),
        }
    }

    async fn lock(&self, key: &Key) -> Result<Held, Error> {
        let deadline = self.deadline();
        let local = self.locks.lock(key).await?;
        let held = self.lock_engine(key, Some(local), deadline).await?;
        Ok(Held::new(key, Shared(held)))
    }

    async fn list(&self) -> Result<Vec<Key>, Error> {
        let engine = Arc::clone(&self.engine);
        let deadline = deadline(self.locks.patience.min(READ_LIMIT));
        let rows = self
            .run("list the sessions in", async move {
                retry(engine.as_ref(), deadline, ATTEMPT, || engine.list()).await
            })
            .await?;
        // Sessions for another key are not this user's.
        let place = self.address.to_string();
        let opened = rows.iter().filter_map(|row| sealed::open(&self.encryption, row, &place).ok());
        let mut keys: Vec<Key> = opened.map(|(key, _)| key).collect();
        keys.sort();
        Ok(keys)
    }

    /// Also announces the refresh that follows, if the key's lock is held.
    async fn probe(&self, key: &Key) -> Result<Option<String>, Error> {
        let known = self.known().get(key).and_then(Weak::upgrade);
        let Some(held) = known else {
            let engine = Arc::clone(&self.engine);
            let deadline = deadline(self.locks.patience.min(READ_LIMIT));
            self.run("use", async move {
                retry(engine.as_ref(), deadline, ATTEMPT, || engine.check()).await
            })
            .await?;
            return self.read(key).await.map(|_| None);
        };
        let engine = Arc::clone(&self.engine);
        let deadline = self.deadline();
        self.run("use", async move {
            retry(engine.as_ref(), deadline, ATTEMPT, || held.lock.announce()).await
        })
        .await?;
        Ok(None)
    }

    fn place(&self, _: &Key) -> String {
        self.address.to_string()
    }
}

/// A held lock of the server and of this machine.
struct HeldLock {
    lock: Arc<dyn EngineLock>,
    worker: Arc<Worker>,
    extending: tokio::task::JoinHandle<()>,
    _local: Option<FileLock>,
}

impl HeldLock {
    /// Runs on the worker.
    fn new(
        engine: Arc<dyn Engine>,
        lock: Arc<dyn EngineLock>,
        worker: Arc<Worker>,
        local: Option<FileLock>,
    ) -> Self {
        let extended = Arc::clone(&lock);
        let extending = tokio::spawn(async move {
            loop {
                tokio::time::sleep(LEASE / 3).await;
                // A lock that cannot be extended is noticed when the session is saved.
                let limit = deadline(LEASE / 3);
                let _ = retry(engine.as_ref(), limit, ATTEMPT, || extended.extend()).await;
            }
        });
        Self { lock, worker, extending, _local: local }
    }
}

impl Drop for HeldLock {
    fn drop(&mut self) {
        self.extending.abort();
        let lock = Arc::clone(&self.lock);
        self.worker.finish(async move { drop(lock.release().await) }, RELEASE_LIMIT);
    }
}

/// The proof of a held lock that callers keep.
struct Shared(Arc<HeldLock>);

impl Lock for Shared {
    fn is_held(&self) -> bool {
        self.0.lock.is_held()
    }
}

/// Returns a random value that only one holder of a lock knows.
fn lock_token() -> Result<String, Error> {
    Ok(SystemEntropy.draw()?[..16].iter().map(|byte| format!("{byte:02x}")).collect())
}

fn deadline(patience: Duration) -> Instant {
    let now = Instant::now();
    // A year stands for never.
    now.checked_add(patience).unwrap_or(now + Duration::from_secs(365 * 24 * 60 * 60))
}

/// Returns the error of an operation. `what` is its verb.
fn error(address: &StoreAddress, what: &str, trouble: &Trouble) -> Error {
    let (code, remedy) = match trouble.kind {
        TroubleKind::Transient => {
            (Code::StoreUnusable, "check the server and the network; the session was not changed")
        }
        TroubleKind::Locked => (
            Code::StoreUnusable,
            "try again; if this persists, stop the other program that uses this session",
        ),
        #[cfg(feature = "postgres")]
        TroubleKind::Missing => (Code::StoreUnusable, "create it: latch store init"),
        TroubleKind::Newer => {
            (Code::StoredNewer, "use the newer version of this program; nothing was changed")
        }
        TroubleKind::Refused => {
            (Code::StoreUnusable, "check the URL, the password and the user's permissions")
        }
    };
    let error = Error::new(code, format!("cannot {what} {}: {}", address, trouble.reason), remedy);
    match trouble.kind {
        TroubleKind::Transient | TroubleKind::Locked => error.retryable(),
        _ => error,
    }
}

fn superseded(address: &StoreAddress, code: Code) -> Error {
    Error::new(
        code,
        format!(
            "another machine has taken over the lock of this session in {address}, because this one was cut off or paused for too long"
        ),
        "check the session with: latch token; if that fails, log in again",
    )
}

#[cfg(not(all(feature = "postgres", feature = "redis")))]
fn unsupported(address: &StoreAddress) -> Error {
    Error::new(
        Code::InvalidConfiguration,
        format!("this program was built without support for {address}"),
        "use a build with the feature postgres or redis",
    )
}
