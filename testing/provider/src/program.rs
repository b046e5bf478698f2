//! What the programs of this crate have in common.

use std::io::{self, Write};
use std::process::ExitCode;

/// Prints a line, and waits until the standard input closes.
pub fn announce(line: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()?;
    io::copy(&mut io::stdin().lock(), &mut io::sink())?;
    Ok(())
}

/// Returns the exit code of a program, after an error message if there is one.
pub fn exit(program: &str, outcome: Result<(), String>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            // If stderr is closed, there is no place for the message.
            let _ = writeln!(io::stderr(), "{program}: {reason}");
            ExitCode::FAILURE
        }
    }
}
