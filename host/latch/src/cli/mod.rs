//! The command line: parses it, runs the command, reports the result.

mod args;
mod at_once;
mod by_url;
mod choices;
mod commands;
#[cfg(not(target_os = "wasi"))]
mod completions;
mod config;
mod dotenv;
mod equipment;
mod exit;
mod hardening;
#[cfg(not(target_os = "wasi"))]
mod id_token;
#[cfg(not(target_os = "wasi"))]
mod interruption;
#[cfg(not(target_os = "wasi"))]
mod issuer;
mod keys;
mod language;
#[cfg(not(target_os = "wasi"))]
mod manual;
mod output;
mod presets;
mod profile;
#[cfg(not(target_os = "wasi"))]
mod recording;
#[cfg(not(target_os = "wasi"))]
mod renewal;
#[cfg(target_os = "wasi")]
mod sandboxed;
mod security;
mod settings;
mod stores;
mod streams;
mod style;
#[cfg(not(target_os = "wasi"))]
mod system;
mod table;
mod times;
mod unattended;
mod usage;

use latchstring::Error;

#[cfg(not(target_os = "wasi"))]
use args::SelfCommand;
use args::{Args, Command};
#[cfg(target_os = "wasi")]
pub(crate) use sandboxed::run;
#[cfg(not(target_os = "wasi"))]
pub(crate) use system::run;
#[cfg(not(target_os = "wasi"))]
use system::runtime;

/// Returns the exit code.
async fn dispatch(args: Args) -> Result<u8, Error> {
    let Args { global, command } = args;
    let done = match command {
        Command::Request(args) => return commands::request::run(&global, args).await,
        Command::Replay(args) => return commands::replay::run(&global, &args),
        #[cfg(not(target_os = "wasi"))]
        Command::Exec(args) => return commands::exec::run(&global, args).await,
        #[cfg(not(target_os = "wasi"))]
        Command::Credential(args) => return commands::credential::run(&global, *args).await,
        #[cfg(not(target_os = "wasi"))]
        Command::Mcp(args) => commands::mcp::run(&global, args).await,
        Command::Login(args) => commands::login::run(&global, args).await,
        Command::Token(args) => commands::token::run(&global, args).await,
        Command::Whoami(args) => commands::whoami::run(&global, args).await,
        Command::Introspect(args) => commands::introspect::run(&global, args).await,
        #[cfg(not(target_os = "wasi"))]
        Command::Import(args) => commands::import::run(&global, args).await,
        Command::Status => commands::status::run(&global).await,
        Command::Logout(args) => commands::logout::run(&global, args).await,
        #[cfg(not(target_os = "wasi"))]
        Command::Move(args) => commands::relocate::run(&global, &args).await,
        #[cfg(not(target_os = "wasi"))]
        Command::Store(command) => commands::store::run(&global, command).await,
        #[cfg(not(target_os = "wasi"))]
        Command::Doctor => commands::doctor::run(&global).await,
        Command::Provider(command) => commands::provider::run(&global, &command),
        Command::Profile(command) => commands::profile::run(&global, command).await,
        Command::Component(args) => commands::component::run(&global, &args),
        #[cfg(not(target_os = "wasi"))]
        Command::Completions(args) => commands::completions::run(&args),
        #[cfg(not(target_os = "wasi"))]
        Command::Help(args) => commands::help::run(&global, &args).await,
        #[cfg(not(target_os = "wasi"))]
        Command::Manual(args) => commands::manual::run(&args),
        #[cfg(not(target_os = "wasi"))]
        Command::Itself(SelfCommand::Verify(args)) => commands::verify::run(&global, &args),
    };
    done.map(|()| 0)
}
