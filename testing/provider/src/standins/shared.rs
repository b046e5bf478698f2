//! State shared by all endpoints.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::standins::jwt::Signer;
use crate::standins::misbehaviour::Misbehaviour;
use crate::standins::options::Options;
use crate::standins::seen::Seen;
use crate::standins::state::State;
use crate::standins::system::System;

pub(crate) struct Shared {
    pub(crate) system: System,
    /// URL of the stand-in: `http://127.0.0.1:PORT`.
    pub(crate) url: String,
    pub(crate) options: Options,
    pub(crate) signer: Signer,
    state: Mutex<State>,
    misbehaviours: Mutex<BTreeSet<Misbehaviour>>,
    log: Mutex<Vec<Seen>>,
}

impl Shared {
    pub(crate) fn new(system: System, url: String, options: Options) -> Self {
        let signs_by_secret = system == System::Authgate && !options.publishes_keys;
        let signer = if signs_by_secret { Signer::symmetric() } else { Signer::asymmetric() };
        Self {
            system,
            url,
            options,
            signer,
            state: Mutex::default(),
            misbehaviours: Mutex::default(),
            log: Mutex::default(),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, Vec<Seen>> {
        lock(&self.log)
    }

    pub(crate) fn now_ms(&self) -> u64 {
        (self.options.now)()
    }

    /// The time for checks of codes: the end of time if codes should have expired.
    pub(crate) fn now_for_codes_ms(&self) -> u64 {
        if self.does(Misbehaviour::CodeExpired) { u64::MAX } else { self.now_ms() }
    }

    /// Lifetime of access tokens, in seconds.
    pub(crate) fn access_ttl(&self) -> u64 {
        let usual = if self.system == System::Hexclave { 600 } else { 3600 };
        self.options.access_ttl.unwrap_or(usual)
    }

    pub(crate) fn does(&self, misbehaviour: Misbehaviour) -> bool {
        lock(&self.misbehaviours).contains(&misbehaviour)
    }

    /// Adds a fault. The error says that this system has nothing to break in this way.
    pub(crate) fn misbehave(&self, misbehaviour: Misbehaviour) -> Result<(), String> {
        if !misbehaviour.concerns(self.system) {
            return Err(format!("{} has nothing for {misbehaviour} to break", self.system));
        }
        match misbehaviour {
            Misbehaviour::ExpireAccess => self.state().sessions.expire_access_tokens(),
            Misbehaviour::RevokeSession => self.state().sessions.revoke_all(),
            lasting => {
                lock(&self.misbehaviours).insert(lasting);
            }
        }
        Ok(())
    }

    pub(crate) fn behave(&self) {
        lock(&self.misbehaviours).clear();
    }
}

/// Locks the mutex. The value is valid even after a panic, because every change is one
/// step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
