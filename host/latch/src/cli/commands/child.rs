//! A program that `latch` waits for: a command that something of `latch` is there for, an
//! editor, a pager.

#[cfg(windows)]
use std::borrow::Cow;
use std::ffi::OsStr;
use std::io::Error as IoError;
use std::process::{Command, ExitStatus};

use latchstring::secret_variables;
use tokio::process::Child;

use crate::cli::{exit, interruption};

/// Starts the command. From now on, signals are the command's.
pub(super) fn spawn(command: Command) -> Result<Child, IoError> {
    let child = tokio::process::Command::from(command).spawn()?;
    if let Some(id) = child.id() {
        interruption::leave_to(id);
    }
    Ok(child)
}

/// Runs a program that the user works with, and waits for its end. It gets no secret.
pub(super) async fn run(mut command: Command) -> Result<ExitStatus, IoError> {
    secret_variables::withhold_from(&mut command);
    let ended = spawn(command)?.wait().await;
    interruption::take_back();
    ended
}

/// Returns the program to start. On Windows, where a program is found by its name alone, this
/// looks for names such as `npm.cmd`, as shells do: `PATHEXT`.
#[cfg(windows)]
pub(super) fn found(program: &OsStr) -> Cow<'_, OsStr> {
    which::which(program).map_or(Cow::Borrowed(program), |path| Cow::Owned(path.into_os_string()))
}

/// Returns the program to start, which the system finds.
#[cfg(not(windows))]
pub(super) fn found(program: &OsStr) -> &OsStr {
    program
}

/// Returns the exit code to end with: the command's, or 128 plus the signal that ended it.
pub(super) fn exit_code(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return u8::try_from(signal).map_or(exit::FAILURE, |signal| signal.saturating_add(128));
    }
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(exit::FAILURE)
}
