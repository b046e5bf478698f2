//! `latch completions`: the script that completes command lines in a shell.

use latchstring::Error;

use crate::cli::args::CompletionsArgs;
use crate::cli::{completions, output};

pub(crate) fn run(args: &CompletionsArgs) -> Result<(), Error> {
    output::write(&completions::script(args.shell)?)
}
