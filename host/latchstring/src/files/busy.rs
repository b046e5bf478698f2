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

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;

    #[test]
    fn a_file_that_is_open_elsewhere_is_replaced_once_it_is_closed() {
        let folder = tempfile::tempdir().expect("a folder");
        let [new, there] = ["new", "there"].map(|name| folder.path().join(name));
        fs::write(&new, "new").expect("a file");
        fs::write(&there, "old").expect("a file");
        let mut reader = Some(File::open(&there).expect("a file"));
        let mut attempts = 0;
        let replaced = wait_while_busy(|| {
            attempts += 1;
            if attempts == 3 {
                reader = None;
            }
            fs::rename(&new, &there)
        });
        drop(reader);
        replaced.expect("no reader any more");
        assert_eq!(fs::read_to_string(&there).expect("a file"), "new");
    }

    #[test]
    fn only_what_can_pass_is_tried_again() {
        for (code, attempts) in [(5, 3), (32, 3), (2, 1), (112, 1)] {
            let mut made = 0;
            let result = wait_while_busy(|| {
                made += 1;
                match made {
                    3 => Ok(()),
                    _ => Err(io::Error::from_raw_os_error(code)),
                }
            });
            assert_eq!((made, result.is_ok()), (attempts, attempts == 3), "{code}");
        }
    }
}
