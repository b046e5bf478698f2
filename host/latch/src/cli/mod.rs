//! The command line: parses it, runs the command, reports the result.

mod args;
mod at_once;
mod choices;
mod commands;
mod config;
mod dotenv;
mod exit;
mod hardening;
mod interruption;
mod output;
mod presets;
mod profile;
mod recording;
mod renewal;
mod settings;
mod stores;
mod streams;
mod usage;

use std::process::ExitCode;

use latchstring::{Code, Error};
use tokio::runtime::Runtime;

use args::{Args, Command};

/// Runs the command line of this process.
pub(crate) fn run() -> ExitCode {
    hardening::begin();
    if renewal::is_requested() {
        return renewal::serve();
    }
    let mut args = match Args::read() {
        Ok(args) => args,
        Err(error) => return usage::report(&error),
    };
    let json = args.global.json;
    recording::begin(&mut args.global);
    let recorded = args.global.recording.recorder.is_some().then(|| args.global.clone());
    let result = match at_once::run(&args.global, &args.command) {
        Some(done) => done.map(|()| ExitCode::SUCCESS),
        None => run_to_end(args),
    };
    // After a failure too: a failed session is the one to look at.
    if let Some(global) = recorded {
        recording::end(&global);
    }
    match result {
        Ok(code) => code,
        Err(error) => {
            output::report(&error, json);
            ExitCode::from(exit::code(error.code()))
        }
    }
}

fn run_to_end(args: Args) -> Result<ExitCode, Error> {
    let runtime = runtime()?;
    let result = runtime.block_on(async {
        tokio::select! {
            // Signals first: a command may block this thread until one arrives.
            biased;
            interrupted = interruption::wait() => Err(interrupted),
            result = dispatch(args) => result,
        }
    });
    // A name look-up still under way must not keep an interrupted program alive.
    runtime.shutdown_background();
    result
}

fn runtime() -> Result<Runtime, Error> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        Error::new(Code::HostFault, format!("the program cannot start: {error}"), "try again")
    })
}

async fn dispatch(args: Args) -> Result<ExitCode, Error> {
    let Args { global, command } = args;
    let done = match command {
        Command::Request(args) => return commands::request::run(&global, args).await,
        Command::Replay(args) => return commands::replay::run(&global, &args).map(ExitCode::from),
        Command::Login(args) => commands::login::run(&global, args).await,
        Command::Token(args) => commands::token::run(&global, args).await,
        Command::Exec(args) => return commands::exec::run(&global, args).await,
        Command::Whoami(args) => commands::whoami::run(&global, args).await,
        Command::Introspect(args) => commands::introspect::run(&global, args).await,
        Command::Import(args) => commands::import::run(&global, args).await,
        Command::Status => commands::status::run(&global).await,
        Command::Logout(args) => commands::logout::run(&global, args).await,
        Command::Move(args) => commands::relocate::run(&global, &args).await,
        Command::Doctor => commands::doctor::run(&global).await,
        Command::Provider(command) => commands::provider::run(&global, &command),
        Command::Profile(command) => commands::profile::run(&global, command).await,
        Command::Component(args) => commands::component::run(&global, &args),
    };
    done.map(|()| ExitCode::SUCCESS)
}
