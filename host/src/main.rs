//! `latch`: logs a command line in.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
