//! A command line that cannot be read, and the help that was asked for.

use std::ffi::OsStr;
use std::process::ExitCode;

use clap::error::ErrorKind;
use latchstring::{Code, Error};

use super::{exit, output};

/// Says what is wrong with the command line, or shows the help asked for.
pub(crate) fn report(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // A closed stream is nobody's failure.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    if wants_json() {
        output::report(&in_our_words(error), true);
    } else {
        let _ = error.print();
    }
    ExitCode::from(exit::USAGE)
}

/// What could not be read as a whole may still say how to answer.
fn wants_json() -> bool {
    let falsey = |value: &str| {
        matches!(value.to_lowercase().as_str(), "" | "n" | "no" | "f" | "false" | "off" | "0")
    };
    std::env::args_os().any(|word| word == OsStr::new("--json"))
        || std::env::var("LATCH_JSON").is_ok_and(|value| !falsey(&value))
}

/// The parser's first paragraph as one line, without its heading.
fn in_our_words(error: &clap::Error) -> Error {
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
