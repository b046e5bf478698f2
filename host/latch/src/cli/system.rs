//! The program on this system: signals end it, and some commands need no runtime.

use std::process::ExitCode;

use latchstring::{Code, Error};
use tokio::runtime::Runtime;

use super::args::Args;
use super::by_url::find_profile;
use super::{
    at_once, completions, dispatch, exit, hardening, interruption, output, recording, renewal,
    stores, style, usage,
};

/// Runs the command line of this process.
pub(crate) fn run() -> ExitCode {
    hardening::begin();
    if completions::answer() {
        return ExitCode::SUCCESS;
    }
    if renewal::is_requested() {
        return renewal::serve();
    }
    let mut args = match Args::read() {
        Ok(args) => args,
        Err(error) => return usage::report(&error).into(),
    };
    let json = args.global.json;
    if args.global.plain {
        style::never();
    }
    recording::begin(&mut args.global);
    let recorded = args.global.recording.is_on().then(|| args.global.clone());
    let result =
        find_profile(&mut args).and_then(|()| match at_once::run(&args.global, &args.command) {
            Some(done) => done.map(|()| 0),
            None => run_to_end(args),
        });
    // After a failure too: a failed session is the one to look at.
    if let Some(global) = recorded {
        recording::end(&global);
    }
    let code = result.unwrap_or_else(|error| {
        output::report(&error, json);
        exit::code(error.code())
    });
    code.into()
}

fn run_to_end(args: Args) -> Result<u8, Error> {
    let runtime = runtime()?;
    let result = runtime.block_on(async {
        tokio::select! {
            // Signals first: a command may block this thread until one arrives.
            biased;
            interrupted = interruption::wait() => Err(interrupted),
            result = run_explained(args) => result,
        }
    });
    // A name look-up still under way must not keep an interrupted program alive.
    runtime.shutdown_background();
    result
}

async fn run_explained(args: Args) -> Result<u8, Error> {
    let global = args.global.clone();
    match dispatch(args).await {
        Err(error) => Err(stores::explain(&global, error).await),
        done => done,
    }
}

pub(super) fn runtime() -> Result<Runtime, Error> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        Error::new(Code::HostFault, format!("the program cannot start: {error}"), "try again")
    })
}
