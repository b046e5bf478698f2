//! Assertions that a command prints.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::missing;
use crate::error::Error;
use crate::secret_variables;

/// Time limit for the command.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn read(words: &[String]) -> Result<Zeroizing<String>, Error> {
    let [program, arguments @ ..] = words else {
        return Err(missing("the command has no words", "write command:WORDS"));
    };
    let failed = |reason: String| {
        missing(format!("{program} gave no assertion: {reason}"), "run the command by itself")
    };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    secret_variables::withhold_from(command.as_std_mut());
    let child = command.spawn().map_err(|error| failed(error.to_string()))?;
    let ended = timeout(PATIENCE, child.wait_with_output()).await;
    let output = ended
        .map_err(|_| failed(format!("it did not end within {} s", PATIENCE.as_secs())))?
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(output.status.to_string()));
    }
    let bytes = Zeroizing::new(output.stdout);
    let text = std::str::from_utf8(&bytes).map_err(|_| failed("not a text".to_owned()))?;
    Ok(Zeroizing::new(text.to_owned()))
}
