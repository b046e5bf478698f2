//! `latch`: logs a command line in.

mod cli;

use std::ffi::OsStr;
use std::process::ExitCode;

fn main() -> ExitCode {
    unset_empty_variables();
    cli::run()
}

/// What the names of this program's variables begin with.
const VARIABLE_PREFIX: &str = "LATCH_";

/// Variables of other programs that a library reads here, and takes for a value too.
const OTHER_VARIABLES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// Makes an empty variable an unset one: CI systems pass variables that nobody set as
/// empty, and the parser takes those for a value.
fn unset_empty_variables() {
    let is_read_here = |name: &OsStr| {
        name.as_encoded_bytes().starts_with(VARIABLE_PREFIX.as_bytes())
            || OTHER_VARIABLES.iter().any(|other| name == *other)
    };
    let names: Vec<_> = std::env::vars_os()
        .filter(|(name, value)| value.is_empty() && is_read_here(name))
        .map(|(name, _)| name)
        .collect();
    for name in names {
        // SAFETY: no other thread is running yet.
        unsafe { std::env::remove_var(name) };
    }
}
