//! Locks between the processes of this host: WASI 0.2 has none.
//!
//! A lock is a file that only one process can create. Its holder sets the file's
//! modification time every second. If a waiting process sees no change for ten seconds, it
//! takes the lock over. A holder that was only stopped notices this before it saves, and
//! saves nothing.
//!
//! The native host does not look at these files, and this host does not see the native
//! locks.

use std::path::Path;
use std::time::Duration;

use wstd::runtime::Task;

use super::{Lock, cannot, names};
use crate::error::{Code, Error};
use crate::wasi;
use crate::wasi::files::{self, Descriptor, ErrorCode, Trouble};

/// The extension of lock files. Those of the native host, `.lock`, are of another kind.
pub(super) const EXTENSION: &str = "wasi-lock";

const BEAT: Duration = Duration::from_secs(1);
/// Time without a change after which the holder counts as dead.
const DEATH: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);
/// Most bytes that are read of a lock file.
const LONGEST: u64 = 256;

/// A lock of this process: its file, and the name of the holder in it.
pub struct FileLock {
    path: String,
    holder: String,
    _beating: Task<()>,
}

impl Lock for FileLock {
    fn is_held(&self) -> bool {
        is_named(&self.path, &self.holder)
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        if self.is_held() {
            let _ = files::remove(&self.path);
        }
    }
}

/// What a waiting process sees of a lock file. It stays equal if the holder is dead.
#[derive(PartialEq)]
struct Sign {
    holder: Vec<u8>,
    changed: Option<u128>,
}

/// Takes the lock that the file at `path` stands for: creates the file, which is deleted
/// when the lock is dropped.
///
/// # Errors
///
/// Returns `store-unusable` if the file cannot be created, or if another process still holds
/// the lock after `patience`.
pub async fn lock_file(path: &Path, patience: Duration) -> Result<FileLock, Error> {
    let path = path.to_string_lossy();
    let path = path.as_ref();
    let holder = names::unique()?;
    let failed = |trouble| cannot("lock", path, &trouble);
    let deadline = wasi::elapsed() + patience;
    let mut pause = FIRST_PAUSE;
    let mut seen: Option<(Sign, Duration)> = None;
    loop {
        match files::create(path, holder.as_bytes()) {
            Ok(file) => return Ok(hold(path, holder, file)),
            Err(trouble) if trouble.is(ErrorCode::Exist) => {}
            Err(trouble) => return Err(failed(trouble)),
        }
        let Some(sign) = sign(path).map_err(failed)? else { continue };
        let now = wasi::elapsed();
        seen = match seen {
            Some((earlier, since)) if earlier == sign => {
                if now - since >= DEATH {
                    bury(path, &sign.holder).map_err(failed)?;
                    None
                } else {
                    Some((sign, since))
                }
            }
            _ => Some((sign, now)),
        };
        let left = deadline.saturating_sub(now);
        if left.is_zero() {
            return Err(still_locked(path, patience));
        }
        wasi::sleep(pause.min(left)).await;
        pause = (pause * 3 / 2).min(LONGEST_PAUSE);
    }
}

fn hold(path: &str, holder: String, file: Descriptor) -> FileLock {
    let _beating = wasi::every(BEAT, move || files::touch(&file));
    FileLock { path: path.to_owned(), holder, _beating }
}

/// Removes the lock of a dead holder. Of several processes that try, one succeeds in renaming
/// the file. If the renamed file is the new lock of a faster process, it is put back.
fn bury(path: &str, dead: &[u8]) -> Result<(), Trouble> {
    let grave = format!("{path}.{}", names::unique().unwrap_or_default());
    match files::rename(path, &grave) {
        Err(trouble) if trouble.is(ErrorCode::NoEntry) => return Ok(()),
        renamed => renamed?,
    }
    let taken = files::read(&grave, LONGEST)?;
    if taken.as_deref() != Some(dead) {
        let _ = files::link(&grave, path);
    }
    files::remove(&grave).map(drop)
}

fn sign(path: &str) -> Result<Option<Sign>, Trouble> {
    let changed = files::changed(path)?;
    let holder = files::read(path, LONGEST)?;
    Ok(holder.map(|holder| Sign { holder, changed }))
}

fn is_named(path: &str, holder: &str) -> bool {
    let there = files::read(path, LONGEST);
    there.is_ok_and(|there| there.as_deref() == Some(holder.as_bytes()))
}

fn still_locked(path: &str, patience: Duration) -> Error {
    let message =
        format!("{path} is still locked by another process after {} s", patience.as_secs());
    let remedy = "try again; if this persists, stop the other process that uses this session";
    Error::new(Code::StoreUnusable, message, remedy).retryable()
}
