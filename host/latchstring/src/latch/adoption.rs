//! Makes another program's tokens the session.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use zeroize::Zeroizing;

use super::{Inner, granted};
use crate::capability::store::{Held, Key, Store};
use crate::egress::Egress;
use crate::error::{Code, Error};
use crate::task::Imported;
use latchstring_core::contract::{Demand, Examination, Tokens};

/// Requests userinfo, because a token that has not expired may have been revoked.
const CHECK: Demand = Demand {
    min_ttl_ms: 0,
    force_refresh: false,
    examination: Some(Examination::Userinfo),
    challenge: None,
};

impl Inner {
    /// Stores the session made of `tokens` if the provider accepts it. One lock is held
    /// from the first read to the last write.
    pub(super) async fn import(
        &self,
        tokens: &Tokens,
        even_unchecked: bool,
    ) -> Result<Imported, Error> {
        let candidate = Candidate::new(self.parts.store.as_ref());
        let mut instance = self.instance()?;
        let session = instance.adopt(self.client().await?, tokens, &self.context()?)?;
        let egress = Egress::new(&self.client, &[]);
        granted(self.drive_on(&candidate, &mut instance, session, &egress, None).await?)?;

        candidate.begin_check();
        let staged = crate::drive::read(&candidate, &self.key).await?;
        match self.token_on(&candidate, &mut instance, &staged, &CHECK).await {
            Ok(token) => {
                candidate.commit(&self.key).await?;
                Ok(Imported::Checked(Box::new(token)))
            }
            Err(error) if error.code() == Code::InvalidUserinfo => {
                candidate.commit(&self.key).await?;
                Ok(Imported::Unchecked(error))
            }
            Err(error)
                if error.is_retryable()
                    && (candidate.was_renewed() || even_unchecked && !candidate.replaces()) =>
            {
                candidate.commit(&self.key).await?;
                Ok(Imported::Unchecked(error))
            }
            Err(error) => Err(error),
        }
    }
}

/// A session on trial: its writes are kept in memory until the provider has accepted it.
///
/// The session's lock is taken once and held until this is dropped. If nothing else is
/// stored, renewed tokens are written to the store at once: a rotated refresh token exists
/// nowhere else.
struct Candidate<'a> {
    store: &'a dyn Store,
    trial: Mutex<Trial>,
    held: tokio::sync::Mutex<Option<Held>>,
}

#[derive(Default)]
struct Trial {
    bytes: Option<Zeroizing<Vec<u8>>>,
    /// Whether the store has a session that this one would replace.
    replaces: bool,
    /// Whether the session has been made and is being checked.
    is_checked: bool,
    was_renewed: bool,
}

impl<'a> Candidate<'a> {
    fn new(store: &'a dyn Store) -> Self {
        Self { store, trial: Mutex::default(), held: tokio::sync::Mutex::default() }
    }

    fn trial(&self) -> MutexGuard<'_, Trial> {
        self.trial.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin_check(&self) {
        self.trial().is_checked = true;
    }

    fn was_renewed(&self) -> bool {
        self.trial().was_renewed
    }

    fn replaces(&self) -> bool {
        self.trial().replaces
    }

    /// Replaces the stored session.
    async fn commit(&self, key: &Key) -> Result<(), Error> {
        let bytes = self.trial().bytes.clone();
        match bytes {
            Some(bytes) => self.store.write(&self.lock(key).await?, &bytes).await,
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Store for Candidate<'_> {
    async fn read(&self, key: &Key) -> Result<Option<Vec<u8>>, Error> {
        {
            let trial = self.trial();
            if trial.bytes.is_some() || trial.is_checked {
                return Ok(trial.bytes.as_ref().map(|bytes| bytes.to_vec()));
            }
        }
        let stored = self.store.read(key).await?;
        self.trial().replaces = stored.is_some();
        Ok(stored)
    }

    async fn write(&self, held: &Held, bytes: &[u8]) -> Result<(), Error> {
        let writes_through = {
            let mut trial = self.trial();
            trial.bytes = Some(Zeroizing::new(bytes.to_vec()));
            trial.was_renewed |= trial.is_checked;
            trial.is_checked && !trial.replaces
        };
        match writes_through {
            true => self.store.write(held, bytes).await,
            false => Ok(()),
        }
    }

    /// Drops the session on trial, which the provider has ended. What the store has is
    /// another session.
    async fn delete(&self, _held: &Held) -> Result<(), Error> {
        self.trial().bytes = None;
        Ok(())
    }

    async fn lock(&self, key: &Key) -> Result<Held, Error> {
        let mut held = self.held.lock().await;
        match &*held {
            Some(held) => Ok(held.clone()),
            None => Ok(held.insert(self.store.lock(key).await?).clone()),
        }
    }

    async fn list(&self) -> Result<Vec<Key>, Error> {
        self.store.list().await
    }

    async fn probe(&self, key: &Key) -> Result<Option<String>, Error> {
        self.store.probe(key).await
    }

    fn place(&self, key: &Key) -> String {
        self.store.place(key)
    }
}
