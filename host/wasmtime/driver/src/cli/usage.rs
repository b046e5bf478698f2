//! A command line that cannot be read, and the help that was asked for.

use clap::error::ErrorKind;
use latchstring::{Code, Error};

use super::args::words;
use super::{environment, exit, output, streams};

/// Says what is wrong with the command line, or shows the help asked for.
pub(crate) fn report(error: &clap::Error) -> u8 {
    if !error.use_stderr() {
        // A closed stream is nobody's failure.
        let _ = streams::put(error.render().to_string().as_bytes());
        return 0;
    }
    let wants_json = words().iter().any(|word| word == "--json")
        || environment::variable("LATCH_JSON").is_some_and(|value| value != "0");
    match wants_json {
        true => output::report(&in_our_words(error), true),
        false => streams::err(&error.render().to_string()),
    }
    exit::USAGE
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
