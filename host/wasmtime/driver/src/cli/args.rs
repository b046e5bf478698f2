//! What may stand on the command line, and in the environment beside it: the
//! native program's own arguments, of those commands that work in a sandbox.

#[path = "../../../../../host/latch/src/cli/args/global.rs"]
mod global;
#[allow(dead_code, reason = "the command is the native program's")]
#[path = "../../../../../host/latch/src/cli/args/introspect.rs"]
mod introspect;
#[allow(dead_code, reason = "what is about starting browsers is the native program's")]
#[path = "../../../../../host/latch/src/cli/args/login.rs"]
mod login;
#[allow(dead_code, reason = "the command is the native program's")]
#[path = "../../../../../host/latch/src/cli/args/preset.rs"]
mod preset;
#[path = "../../../../../host/latch/src/cli/args/provider.rs"]
mod provider;
#[allow(dead_code, reason = "some of these commands are the native program's")]
#[path = "../../../../../host/latch/src/cli/args/rest.rs"]
mod rest;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, CommandFactory as _, FromArgMatches as _};
use clap::{Parser, Subcommand};
use wasip2::cli::environment::get_arguments;

pub(crate) use self::global::Global;
pub(crate) use self::introspect::CheckArgs;
pub(crate) use self::login::{LoginArgs, LoginCommand, RedirectArgs};
pub(crate) use self::provider::ProviderArgs;
pub(crate) use self::rest::{LogoutArgs, ProfileCommand, ReplayArgs, TokenArgs};
use super::environment;

/// Logs a command line in to any OAuth 2.0 / OpenID Connect provider, keeps the
/// session, and hands out fresh access tokens. This is latch as one component, in
/// the sandbox of whatever runs it.
#[derive(Parser)]
#[command(name = "latch", version, after_help = EXIT_CODES)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Folders, variables and the network are what wasmtime was told to give: --dir, --env, -S.
Sessions are looked for in /state and settings in /config, unless --state-dir and --config-dir
say otherwise.

Exit codes: 0 done, 1 other failure, 2 usage, 3 login required, 4 refused by the person or the
provider, 5 timed out, 6 the provider broke the protocol, 7 network, 8 storage.";

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Log in
    ///
    /// Prints the address to open, waits for the browser to come back, keeps the
    /// session, and remembers provider and client under the profile.
    Login(Box<LoginCommand>),
    /// Print an access token, renewed where it has to be
    Token(Box<TokenArgs>),
    /// Ask the provider who is logged in
    Whoami(Box<ProviderArgs>),
    /// Show every profile: who is logged in, where, and for how long
    Status,
    /// Revoke the tokens and forget the session
    Logout(Box<LogoutArgs>),
    /// Keep the settings of several providers, clients or accounts
    #[command(subcommand)]
    Profile(ProfileCommand),
    /// Show the component that holds the protocol
    Component,
    /// Step the component through a transcript that latch --record wrote
    ///
    /// Ends with 0 where everything is as it was recorded, and with 6 where the
    /// component now answers something else.
    Replay(ReplayArgs),
}

/// Nothing: this host does not record.
#[derive(clap::Args, Clone, Default)]
pub(crate) struct RecordArgs {}

impl Args {
    /// Reads this program's command line, and its environment.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        let words = words();
        let matches = Self::command().try_get_matches_from(&words)?;
        let words = with_variables(words, &matches);
        let matches = Self::command().try_get_matches_from(words)?;
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut Self::command()))
    }
}

/// The command line as it was given, whatever the file is called that runs.
pub(crate) fn words() -> Vec<String> {
    ["latch".to_owned()].into_iter().chain(get_arguments().into_iter().skip(1)).collect()
}

/// The same with what the environment says behind it, where the command line says
/// nothing: the parser knows only a process's own environment.
fn with_variables(mut words: Vec<String>, matches: &ArgMatches) -> Vec<String> {
    // What stands behind -- is no option.
    if words.iter().any(|word| word == "--") {
        return words;
    }
    let (mut command, mut matches) = (Args::command(), matches);
    command.build();
    let mut current = &command;
    while let Some((name, inner)) = matches.subcommand() {
        let Some(subcommand) = current.find_subcommand(name) else { break };
        (current, matches) = (subcommand, inner);
    }
    for argument in current.get_arguments() {
        let is_given = matches.value_source(argument.get_id().as_str());
        if is_given.is_none_or(|source| source == ValueSource::DefaultValue) {
            words.extend(option(argument));
        }
    }
    words
}

/// The option that says what its variable says.
fn option(argument: &Arg) -> Option<String> {
    let value = environment::variable(argument.get_env()?.to_str()?)?;
    let name = argument.get_long()?;
    match argument.get_action() {
        ArgAction::SetTrue => is_on(&value).then(|| format!("--{name}")),
        _ => Some(format!("--{name}={value}")),
    }
}

/// Whether a switch's variable switches it on.
fn is_on(value: &str) -> bool {
    !matches!(value.to_lowercase().as_str(), "n" | "no" | "f" | "false" | "off" | "0")
}
