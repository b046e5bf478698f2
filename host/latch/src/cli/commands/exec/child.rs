//! A command that `latch` waits for: while it runs, something of `latch` is there for it.

use std::io::Error as IoError;
use std::process::{Command, ExitStatus};

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

/// Returns the exit code to end with: the command's, or 128 plus the signal that ended it.
pub(super) fn exit_code(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return u8::try_from(signal).map_or(exit::FAILURE, |signal| signal.saturating_add(128));
    }
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(exit::FAILURE)
}
