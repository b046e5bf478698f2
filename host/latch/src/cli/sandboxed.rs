//! The program in a sandbox of WASI 0.2: there are no signals, and no other processes.

use std::process::ExitCode;

use super::args::Args;
use super::by_url::find_profile;
use super::{at_once, dispatch, exit, hardening, output, style, usage};

/// Runs the command line of this program. Ends it unless the exit code is 0.
pub(crate) fn run() -> ExitCode {
    hardening::begin();
    let code = match Args::read() {
        Ok(args) => run_to_end(args),
        Err(error) => usage::report(&error),
    };
    if code != 0 {
        // The standard library passes on only whether the program failed.
        wasip2::cli::exit::exit_with_code(code);
    }
    ExitCode::SUCCESS
}

fn run_to_end(mut args: Args) -> u8 {
    let json = args.global.json;
    if args.global.plain {
        style::never();
    }
    let result =
        find_profile(&mut args).and_then(|()| match at_once::run(&args.global, &args.command) {
            Some(done) => done.map(|()| 0),
            None => wstd::runtime::block_on(dispatch(args)),
        });
    result.unwrap_or_else(|error| {
        output::report(&error, json);
        exit::code(error.code())
    })
}
