//! What all endpoints of a provider share.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::asked::Seen;
use crate::fault::Faults;
use crate::issuer::Issuer;
use crate::keys::Keys;
use crate::misbehaviour::Misbehaviour;
use crate::options::Options;
use crate::state::State;

pub(crate) struct Context {
    /// URL of the provider: `http://127.0.0.1:PORT`.
    pub(crate) url: String,
    /// The issuer, or the usual one of many.
    pub(crate) issuer: Issuer,
    pub(crate) options: Options,
    /// The registered client.
    pub(crate) client_id: String,
    /// Lifetime of access tokens and ID tokens, in seconds.
    pub(crate) expires_in: u64,
    pub(crate) keys: Mutex<Keys>,
    pub(crate) state: Mutex<State>,
    pub(crate) faults: Mutex<Faults>,
    pub(crate) log: Mutex<Vec<Seen>>,
}

impl Context {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(crate) fn now_ms(&self) -> u64 {
        (self.options.now)()
    }

    /// The time for checks of codes: the end of time if codes should have expired.
    pub(crate) fn now_for_codes_ms(&self) -> u64 {
        if self.does(Misbehaviour::CodeExpired) { u64::MAX } else { self.now_ms() }
    }

    /// Whether an endpoint has to go wrong in this way.
    pub(crate) fn does(&self, misbehaviour: Misbehaviour) -> bool {
        lock(&self.faults).has(misbehaviour)
    }
}

/// Locks the mutex. The value is valid even after a panic, because every change is one
/// step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
