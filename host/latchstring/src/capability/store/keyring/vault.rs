//! What a keyring can do, and what it may answer instead.

use std::time::Duration;

use zeroize::Zeroizing;

use crate::contract::Failure;
use crate::error::{Code, Error};

/// A keyring as the store needs it: named entries, one call at a time.
///
/// Calls may take as long as a person does; whoever calls sees to a limit.
pub(super) trait Vault: Send + Sync {
    /// Makes the connection, unless there is one.
    fn connect(&self) -> Result<(), Trouble>;

    /// What the entry holds; none where there is no such entry.
    fn get(&self, entry: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Trouble>;

    /// Makes or replaces the entry, wholly or not at all.
    fn set(&self, entry: &str, value: &[u8]) -> Result<(), Trouble>;

    /// Removes the entry; false where there was none.
    fn delete(&self, entry: &str) -> Result<bool, Trouble>;

    /// Bytes that one entry can hold; none where any session fits.
    fn largest(&self) -> Option<usize>;

    /// The next call makes a new connection: this one may never answer again.
    fn disconnect(&self);

    /// The keyring's own name, for people.
    fn name(&self) -> &'static str;
}

/// Why a keyring did not do what it was asked.
#[derive(Debug)]
#[cfg_attr(
    any(windows, target_os = "macos"),
    allow(dead_code, reason = "these systems' keyrings do not tell all of it apart")
)]
pub(super) enum Trouble {
    /// There is none, for this reason.
    Absent(String),
    /// It asks for a password first.
    Locked,
    /// It has no collection to keep entries in.
    Unready,
    /// It did not answer within this time; a change may have happened or not.
    Silent(Duration),
    /// It failed, in its own words.
    Failed(String),
    /// What it holds is not what was written.
    Damaged,
    /// Nobody waits for the outcome any more.
    Abandoned,
}

impl Trouble {
    /// As the failure of a read, a deletion or a probe.
    pub(super) fn into_error(self, place: &str) -> Error {
        let (message, remedy) = self.words();
        match self {
            Self::Damaged => Error::new(
                Code::StoredDamaged,
                format!("the stored session in {place} is damaged or cut short"),
                "log in again, which sets it aside and keeps it",
            ),
            Self::Silent(_) => Error::from(Failure {
                code: Code::StoreUnusable,
                message,
                remedy: remedy.to_owned(),
                provider: None,
                retryable: true,
            }),
            _ => Error::new(Code::StoreUnusable, message, remedy),
        }
    }

    /// As the failure of a write.
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
                format!("there is no keyring here: {reason}"),
                "log in to a desktop that has one, or use --store file",
            ),
            Self::Locked => ("the keyring is locked".to_owned(), "unlock it, or use --store file"),
            Self::Unready => (
                "the keyring has no default collection to keep a session in".to_owned(),
                "make one in the desktop's password manager, or use --store file",
            ),
            Self::Silent(limit) => (
                format!("the keyring does not answer (waited {} s)", limit.as_secs_f32()),
                "see whether it asks for a password, or use --store file",
            ),
            Self::Failed(reason) => (
                format!("the keyring failed: {reason}"),
                "try again; if it stays, use --store file",
            ),
            Self::Damaged => (
                "the keyring does not hold what was written to it".to_owned(),
                "try again; if it stays, use --store file",
            ),
            Self::Abandoned => ("the wait for the keyring was given up".to_owned(), "try again"),
        }
    }
}
