//! Waiting for a file that other programs have open.

use std::io;
use std::time::Duration;

/// Longest time to wait. A virus scanner is done with a small file in less.
const PATIENCE: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// Calls `operation` again, for some seconds, as long as another program has the file open.
///
/// Windows has two codes for that, and one of them also means that access is denied for
/// good: then the error comes after the wait.
#[allow(clippy::disallowed_methods, reason = "the lock is held, so nothing else may go on")]
pub(crate) fn wait_while_busy<T>(mut operation: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let mut waited = Duration::ZERO;
    let mut pause = FIRST_PAUSE;
    loop {
        match operation() {
            Err(error) if is_busy(&error) && waited < PATIENCE => {}
            result => return result,
        }
        std::thread::sleep(pause);
        waited += pause;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// <https://learn.microsoft.com/windows/win32/debug/system-error-codes--0-499->
fn is_busy(error: &io::Error) -> bool {
    const ERROR_ACCESS_DENIED: i32 = 5;
    const ERROR_SHARING_VIOLATION: i32 = 32;
    matches!(error.raw_os_error(), Some(ERROR_ACCESS_DENIED | ERROR_SHARING_VIOLATION))
}
