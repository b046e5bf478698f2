//! State shared by all endpoints.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::asked::Seen;
use crate::fault::Fault;
use crate::grants::Grants;
use crate::keys::Keys;
use crate::options::Options;

/// State shared by all endpoints.
pub(crate) struct Shared {
    pub(crate) issuer: String,
    pub(crate) options: Options,
    pub(crate) grants: Mutex<Grants>,
    pub(crate) keys: Mutex<Keys>,
    pub(crate) faults: Mutex<Vec<Fault>>,
    pub(crate) log: Mutex<Vec<Seen>>,
}

impl Shared {
    pub(crate) fn now_ms(&self) -> u64 {
        (self.options.now)()
    }
}

/// Locks the mutex. The value is valid even after a panic, because every change is one
/// step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
