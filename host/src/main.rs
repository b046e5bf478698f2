//! `latch`: logs a command line in.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    unset_empty_variables();
    cli::run()
}

/// What the names of this program's variables begin with.
const VARIABLE_PREFIX: &str = "LATCH_";

/// Makes an empty variable an unset one: CI systems pass variables that nobody set as
/// empty, and the parser takes those for a value.
fn unset_empty_variables() {
    let names: Vec<_> = std::env::vars_os()
        .filter(|(name, value)| {
            value.is_empty() && name.as_encoded_bytes().starts_with(VARIABLE_PREFIX.as_bytes())
        })
        .map(|(name, _)| name)
        .collect();
    for name in names {
        // SAFETY: no other thread is running yet.
        unsafe { std::env::remove_var(name) };
    }
}
