//! Reports an invalid command line, or shows the help that was requested.

use std::ffi::OsStr;

use clap::error::ErrorKind;
use latchstring::{Code, Error};

use super::{exit, output};

/// Reports what is wrong with the command line, or shows the requested help. Returns the
/// exit code.
pub(crate) fn report(error: &clap::Error) -> u8 {
    if !error.use_stderr() {
        // A closed stream is not a failure.
        let _ = error.print();
        return 0;
    }
    if wants_json() {
        output::report(&as_error(error), true);
    } else {
        let _ = error.print();
    }
    exit::USAGE
}

/// Whether the error should be JSON. The command line could not be parsed as a whole, so
/// this looks for `--json` and its variable only.
fn wants_json() -> bool {
    let falsey = |value: &str| {
        matches!(value.to_lowercase().as_str(), "" | "n" | "no" | "f" | "false" | "off" | "0")
    };
    std::env::args_os().any(|word| word == OsStr::new("--json"))
        || std::env::var("LATCH_JSON").is_ok_and(|value| !falsey(&value))
}

/// Returns the first paragraph of the parser's message as one line, without `error:`.
fn as_error(error: &clap::Error) -> Error {
    let message = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "no command was given".to_owned(),
        _ => {
            let text = error.to_string();
            let paragraph = text.lines().take_while(|line| !line.trim().is_empty());
            let line = paragraph.map(str::trim).collect::<Vec<_>>().join(" ");
            line.strip_prefix("error: ").unwrap_or(&line).to_owned()
        }
    };
    Error::new(Code::InvalidConfiguration, message, "see latch --help")
}
