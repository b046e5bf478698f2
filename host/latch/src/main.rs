//! The program `latch`: logs a command line in.

mod cli;

use std::ffi::OsStr;
use std::process::ExitCode;

fn main() -> ExitCode {
    unset_empty_variables();
    cli::run()
}

/// Prefix of this program's environment variables.
const VARIABLE_PREFIX: &str = "LATCH_";

/// Variables of other programs that a library used here reads even if they are empty.
const OTHER_VARIABLES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// Unsets the variables that are empty: CI systems pass unset variables as empty ones,
/// and the parser would take those for values.
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
