//! The interface to a keyring, and its errors.

use std::time::Duration;

use zeroize::Zeroizing;

use crate::error::{Code, Error};

/// A keyring as the store needs it: named entries, one call at a time.
///
/// A call may take as long as the user takes; the caller has a time limit.
pub(super) trait Vault: Send + Sync {
    /// Connects, unless there is a connection.
    fn connect(&self) -> Result<(), Trouble>;

    /// Returns the value of the entry, or `None` if there is no such entry.
    fn get(&self, entry: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Trouble>;

    /// Creates or replaces the entry, completely or not at all.
    fn set(&self, entry: &str, value: &[u8]) -> Result<(), Trouble>;

    /// Removes the entry. Returns false if there was none.
    fn delete(&self, entry: &str) -> Result<bool, Trouble>;

    /// Returns the most bytes that one entry can have, or `None` if any session fits.
    fn largest(&self) -> Option<usize>;

    /// Makes the next call use a new connection, because this one may never answer.
    fn disconnect(&self);

    /// Returns the keyring's name for the user.
    fn name(&self) -> &'static str;

    /// Returns one line that says when the keyring forgets its entries, or `None` if it
    /// keeps them.
    fn lifetime(&self) -> Option<String> {
        None
    }
}

/// Why a keyring operation failed.
#[derive(Debug)]
#[cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "other systems' keyrings do not tell all of it apart")
)]
pub(super) enum Trouble {
    /// There is no keyring, for this reason.
    Absent(String),
    /// The kernel does not let this process use it, for this reason.
    Forbidden(String),
    /// It has no room for more, by this limit.
    Full(String),
    /// It asks for a password first.
    Locked,
    /// It has no collection for entries.
    Unready,
    /// It did not answer within this time. A change may have happened or not.
    Silent(Duration),
    /// It failed with this message.
    Failed(String),
    /// The stored value is not what was written.
    Damaged,
    /// The caller has stopped waiting.
    Abandoned,
}

impl Trouble {
    /// Returns the error of a read, a deletion or a probe.
    pub(super) fn into_error(self, place: &str) -> Error {
        let (message, remedy) = self.words();
        match self {
            Self::Damaged => Error::new(
                Code::StoredDamaged,
                format!("the stored session in {place} is damaged or cut short"),
                "log in again; the old session is set aside, not deleted",
            ),
            Self::Silent(_) => Error::new(Code::StoreUnusable, message, remedy).retryable(),
            _ => Error::new(Code::StoreUnusable, message, remedy),
        }
    }

    /// Returns the error of a write.
    pub(super) fn into_unsaved(self) -> Error {
        let (mut message, remedy) = self.words();
        if matches!(self, Self::Silent(_)) {
            message.push_str("; whether the session was saved is unknown");
        }
        Error::new(Code::NotSaved, message, remedy)
    }

    fn words(&self) -> (String, &'static str) {
        match self {
            Self::Absent(reason) => (
                format!("there is no keyring on this machine: {reason}"),
                "log in to a desktop that has one, or use --store file",
            ),
            Self::Forbidden(reason) => (
                format!("this process may not use the kernel's keyring: {reason}"),
                "allow keyctl and add_key in the container's seccomp profile, or use --store file",
            ),
            Self::Full(limit) => (
                format!("the kernel's keyring has no room left: {limit}"),
                "log out of sessions that you do not need, ask root to raise the limit in \
                 /proc/sys/kernel/keys, or use --store file",
            ),
            Self::Locked => ("the keyring is locked".to_owned(), "unlock it, or use --store file"),
            Self::Unready => (
                "the keyring has no default collection to keep a session in".to_owned(),
                "create one in the desktop's password manager, or use --store file",
            ),
            Self::Silent(limit) => (
                format!("the keyring does not answer (waited {} s)", limit.as_secs_f32()),
                "check whether it is asking for a password, or use --store file",
            ),
            Self::Failed(reason) => (
                format!("the keyring failed: {reason}"),
                "try again; if this persists, use --store file",
            ),
            Self::Damaged => (
                "the keyring does not hold what was written to it".to_owned(),
                "try again; if this persists, use --store file",
            ),
            Self::Abandoned => {
                ("the program stopped waiting for the keyring".to_owned(), "try again")
            }
        }
    }
}
