//! How another program's tokens become the session.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use zeroize::Zeroizing;

use super::{Inner, granted};
use crate::capability::store::{Key, Lock, Store};
use crate::contract::{Demand, Examination, Tokens};
use crate::egress::Egress;
use crate::error::{Code, Error};
use crate::token::Token;

/// What came of [`Latch::import`](crate::Latch::import): the session is stored.
pub enum Imported {
    /// The provider has accepted the session.
    Checked(Box<Token>),
    /// Whether it works is not known, and why.
    Unchecked(Error),
}

/// Asks who is logged in: a token that has time left may have been revoked.
const CHECK: Demand =
    Demand { min_ttl_ms: 0, force_refresh: false, examination: Some(Examination::Userinfo) };

impl Inner {
    /// Stores the session made of `tokens` if the provider accepts it, under one
    /// lock from the first look to the save.
    pub(super) async fn import(
        &self,
        tokens: &Tokens,
        even_unchecked: bool,
    ) -> Result<Imported, Error> {
        let candidate = Candidate::new(self.parts.store.as_ref());
        let mut instance = self.instance()?;
        let session = instance.adopt(&self.client, tokens, &self.context()?)?;
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

/// A session on trial: what it saves is kept aside until it has proven to work.
///
/// The session's lock is taken once and held until this is dropped. What a renewal
/// brings is written through at once if nothing else is stored: a refresh token
/// that was rotated exists nowhere else.
struct Candidate<'a> {
    store: &'a dyn Store,
    trial: Mutex<Trial>,
    lock: tokio::sync::Mutex<Option<Box<dyn Lock>>>,
}

#[derive(Default)]
struct Trial {
    bytes: Option<Zeroizing<Vec<u8>>>,
    /// Whether a session is stored that this one would replace.
    replaces: bool,
    /// Whether the session has been made, and is being checked.
    is_checked: bool,
    was_renewed: bool,
}

impl<'a> Candidate<'a> {
    fn new(store: &'a dyn Store) -> Self {
        Self { store, trial: Mutex::default(), lock: tokio::sync::Mutex::default() }
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

    /// Replaces what is stored.
    async fn commit(&self, key: &Key) -> Result<(), Error> {
        let bytes = self.trial().bytes.clone();
        match bytes {
            Some(bytes) => self.store.write(key, &bytes).await,
            None => Ok(()),
        }
    }
}

/// The lock is the [`Candidate`]'s.
struct Borrowed;

impl Lock for Borrowed {}

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

    async fn write(&self, key: &Key, bytes: &[u8]) -> Result<(), Error> {
        let writes_through = {
            let mut trial = self.trial();
            trial.bytes = Some(Zeroizing::new(bytes.to_vec()));
            trial.was_renewed |= trial.is_checked;
            trial.is_checked && !trial.replaces
        };
        match writes_through {
            true => self.store.write(key, bytes).await,
            false => Ok(()),
        }
    }

    /// The provider has ended the session on trial; what is stored is another one.
    async fn delete(&self, _key: &Key) -> Result<(), Error> {
        self.trial().bytes = None;
        Ok(())
    }

    async fn lock(&self, key: &Key) -> Result<Box<dyn Lock>, Error> {
        let mut lock = self.lock.lock().await;
        if lock.is_none() {
            *lock = Some(self.store.lock(key).await?);
        }
        Ok(Box::new(Borrowed))
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
