//! The command line: reads it, runs the command, reports what came of it.

mod args;
#[path = "../../../../../host/latch/src/cli/choices.rs"]
mod choices;
mod commands;
mod config;
mod environment;
#[allow(dead_code, reason = "a component gets no signal and runs no command")]
#[path = "../../../../../host/latch/src/cli/exit.rs"]
mod exit;
#[allow(dead_code, reason = "requests to an API are the native program's")]
#[path = "../../../../../host/latch/src/cli/output.rs"]
mod output;
#[path = "../../../../../host/latch/src/cli/profile.rs"]
mod profile;
mod settings;
mod stores;
pub(crate) mod streams;
mod usage;

use latchstring::Error;

use args::{Args, Command};

/// Runs the command line of this program; its exit code.
pub(crate) async fn run() -> u8 {
    let args = match Args::read() {
        Ok(args) => args,
        Err(error) => return usage::report(&error),
    };
    let json = args.global.json;
    match dispatch(args).await {
        Ok(code) => code,
        Err(error) => {
            output::report(&error, json);
            exit::code(error.code())
        }
    }
}

async fn dispatch(args: Args) -> Result<u8, Error> {
    let Args { global, command } = args;
    let done = match command {
        Command::Replay(args) => return commands::replay::run(&global, &args),
        Command::Login(args) => commands::login::run(&global, args).await,
        Command::Token(args) => commands::token::run(&global, args).await,
        Command::Whoami(args) => commands::whoami::run(&global, args).await,
        Command::Status => commands::status::run(&global).await,
        Command::Logout(args) => commands::logout::run(&global, args).await,
        Command::Profile(command) => commands::profile::run(&global, command).await,
        Command::Component => commands::component::run(&global),
    };
    done.map(|()| 0)
}
