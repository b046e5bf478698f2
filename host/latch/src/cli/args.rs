//! The command line, and the environment variables that stand in for flags.

#[cfg(not(target_os = "wasi"))]
mod credential;
mod global;
#[cfg(not(target_os = "wasi"))]
mod import;
mod introspect;
#[cfg(not(target_os = "wasi"))]
mod launched;
mod login;
#[cfg(not(target_os = "wasi"))]
mod mcp;
mod opaque;
mod preset;
mod provider;
mod record;
#[cfg(not(target_os = "wasi"))]
mod release;
mod request;
mod rest;
mod security;
#[cfg(not(target_os = "wasi"))]
mod shell;
#[cfg(not(target_os = "wasi"))]
mod store;
mod unattended;

use std::ffi::OsString;
use std::mem::ManuallyDrop;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args as _, CommandFactory as _, FromArgMatches as _};
use clap::{Parser, Subcommand};

#[cfg(not(target_os = "wasi"))]
pub(crate) use self::credential::{
    AwsArgs, BazelArgs, CargoArgs, CredentialArgs, CredentialCommand, DockerArgs, GitArgs, GoArgs,
    InstallArgs, Installable, KeyringArgs, KeyringMode, KeyringOutput, KubernetesArgs,
    TerraformArgs, UninstallArgs, VaultArgs,
};
pub(crate) use self::global::Global;
#[cfg(not(target_os = "wasi"))]
pub(crate) use self::import::ImportArgs;
pub(crate) use self::introspect::{CheckArgs, IntrospectArgs};
#[cfg(not(target_os = "wasi"))]
pub(crate) use self::login::url_of_host;
pub(crate) use self::login::{ByUrlArgs, LoginArgs, LoginCommand, RedirectArgs};
#[cfg(not(target_os = "wasi"))]
pub(crate) use self::mcp::{McpAction, McpClient, McpCommand, McpConfigArgs};
pub(crate) use self::preset::ProviderCommand;
pub(crate) use self::provider::ProviderArgs;
pub(crate) use self::record::RecordArgs;
#[cfg(not(target_os = "wasi"))]
pub(crate) use self::release::{SelfCommand, VerifyArgs};
pub(crate) use self::request::RequestArgs;
pub(crate) use self::rest::{ComponentArgs, LogoutArgs, ProfileCommand, ReplayArgs, TokenArgs};
#[cfg(not(target_os = "wasi"))]
pub(crate) use self::rest::{ExecArgs, ExecFor, ForArgs, MoveArgs};
pub(crate) use self::security::SecurityArgs;
#[cfg(not(target_os = "wasi"))]
pub(crate) use self::shell::{CompletionsArgs, HelpArgs, ManualArgs, Shell};
#[cfg(not(target_os = "wasi"))]
pub(crate) use self::store::StoreCommand;
pub(crate) use self::unattended::UnattendedArgs;

/// Log in to any OAuth 2.0 or OpenID Connect provider from the command line, and get
/// fresh access tokens.
#[derive(Parser)]
#[command(name = "latch", bin_name = "latch", version, max_term_width = 100, after_help = EXAMPLES)]
#[cfg_attr(not(target_os = "wasi"), command(disable_help_subcommand = true))]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[cfg(not(target_os = "wasi"))]
const EXAMPLES: &str = "\
Examples:
  latch login --issuer https://id.example.com --client-id my-cli --scope offline_access
  curl -H \"Authorization: Bearer $(latch token)\" https://api.example.com/

latch COMMAND -h shows the common flags of a command, and latch COMMAND --help all of them.
latch help lists the pages about flows, providers, storage and more.

Exit codes: 0 done, 1 other failure, 2 usage, 3 login required, 4 refused by the user or the
provider, 5 timed out, 6 the provider broke the protocol, 7 network, 8 storage, 130 interrupted
(129 by SIGHUP, 131 by SIGQUIT, 143 by SIGTERM).
latch exec ends with the exit code of its command, or with 126 or 127 if it cannot run it.";

#[cfg(target_os = "wasi")]
const EXAMPLES: &str = "\
latch has only the folders, variables and network that wasmtime gives it: --dir, --env, -S. Sessions
are in /state and settings in /config, unless --state-dir and --config-dir name other folders.

latch COMMAND -h shows the common flags of a command, and latch COMMAND --help all of them.

Exit codes: 0 done, 1 other failure, 2 usage, 3 login required, 4 refused by the user or the
provider, 5 timed out, 6 the provider broke the protocol, 7 network, 8 storage.";

impl Args {
    /// Reads the command line and the environment of this process.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        let words = words();
        let quick = only_named_command(&words)
            .and_then(|mut command| command.try_get_matches_from_mut(&words).ok());
        let matches = match quick {
            Some(matches) => matches,
            // On any error, parse again with all commands, so that the message lists them.
            None => Self::command().try_get_matches_from(&words)?,
        };
        let mut args =
            Self::from_arg_matches(&matches).map_err(|error| error.format(&mut Self::command()))?;
        let login = match &mut args.command {
            Command::Login(args) => Some(&mut args.login),
            #[cfg(not(target_os = "wasi"))]
            Command::Mcp(args) => Some(&mut args.login_args),
            Command::Profile(ProfileCommand::Add { settings, .. }) => Some(&mut **settings),
            _ => None,
        };
        if let Some(login) = login
            && let Err(message) = login.redirect.settle_browser(innermost(&matches))
        {
            return Err(Self::command().error(ErrorKind::ArgumentConflict, message));
        }
        let source = innermost(&matches).value_source("profile");
        args.global.names_profile = source != Some(ValueSource::DefaultValue);
        Ok(args)
    }
}

impl Command {
    /// Returns the URL of the resource that the command names.
    pub(crate) fn resource_url(&self) -> Option<&str> {
        let provider = match self {
            Self::Login(args) => {
                return args.url.as_deref().or(args.login.provider.resource_url.as_deref());
            }
            #[cfg(not(target_os = "wasi"))]
            Self::Mcp(args) => return args.url.as_deref(),
            Self::Token(args) => &args.provider,
            #[cfg(not(target_os = "wasi"))]
            Self::Exec(args) => &args.provider,
            Self::Request(args) => &args.provider,
            Self::Whoami(provider) => provider,
            Self::Introspect(args) => &args.provider,
            Self::Logout(args) => &args.provider,
            _ => return None,
        };
        provider.resource_url.as_deref()
    }
}

/// Returns the command line. Its first word is the program's name, for which a sandbox passes
/// that of the component's file.
fn words() -> Vec<OsString> {
    let words = std::env::args_os();
    #[cfg(target_os = "wasi")]
    let words = std::iter::once("latch".into()).chain(words.skip(1)).collect();
    #[cfg(not(target_os = "wasi"))]
    let words = launched::meant(words.collect());
    words
}

/// Returns a parser for the command that `words` name, without the other commands: clap
/// copies every global argument into each command, which takes longer than parsing. To free
/// the parsers would take as long again: this process parses once.
fn only_named_command(words: &[OsString]) -> Option<ManuallyDrop<clap::Command>> {
    let all = ManuallyDrop::new(Command::augment_subcommands(clap::Command::new("latch")));
    let mut names = words.iter().skip(1).filter_map(|word| word.to_str());
    let named = names.find_map(|word| all.find_subcommand(word))?;
    let command = Global::augment_args(clap::Command::new("latch")).subcommand(named.clone());
    // clap would add a second command `help`.
    let command = command.disable_help_subcommand(true);
    Some(ManuallyDrop::new(command))
}

/// Returns the matches of the innermost subcommand.
fn innermost(matches: &ArgMatches) -> &ArgMatches {
    matches.subcommand().map_or(matches, |(_, matches)| innermost(matches))
}

/// The commands. Each is built only when it is used, so that `latch token` starts fast.
#[derive(Subcommand)]
#[command(defer = true)]
pub(crate) enum Command {
    /// Log in through a browser
    ///
    /// Opens your browser, waits until you have logged in, and keeps the session. The
    /// profile remembers the provider and the client, so that later commands need no
    /// arguments. Without a browser on this machine, paste an address or enter a code on
    /// another device: see --flow.
    Login(Box<LoginCommand>),
    /// Print an access token, refreshing it if needed
    ///
    /// Never opens a browser: without a session, it ends with exit code 3. Parallel
    /// calls refresh the token once.
    Token(Box<TokenArgs>),
    #[cfg(not(target_os = "wasi"))]
    /// Run a command with an access token in its environment
    ///
    /// The token is fresh when the command starts. Ends with the exit code of
    /// the command.
    Exec(Box<ExecArgs>),
    /// Send a request to an API with the access token
    ///
    /// Sends the token in the headers that the provider uses, refreshes it once if the
    /// API answers 401, and streams the response to standard output. Does not follow
    /// redirects. Ends with exit code 0 for a status below 400, 4 for 401 and 403, and 1
    /// for any other.
    Request(Box<RequestArgs>),
    #[cfg(not(target_os = "wasi"))]
    /// Connect an MCP client to an MCP server that requires a login
    ///
    /// For MCP clients that start servers as programs: passes the client's messages on
    /// standard input to the server at URL, with the access token, and the server's
    /// messages to standard output. Never asks anything. See also: latch mcp config URL
    Mcp(Box<McpCommand>),
    #[cfg(not(target_os = "wasi"))]
    /// Give other programs the token: git, docker, kubectl, cargo and more
    ///
    /// These programs run it as their credential helper. It answers only for the hosts that
    /// a profile names with --api-origin, never opens a browser, and never asks anything.
    Credential(Box<CredentialArgs>),
    /// Ask the provider who is logged in
    Whoami(Box<ProviderArgs>),
    /// Show everything about the token, and what the provider says about it
    ///
    /// Cuts secrets short; see --show-secrets. Never shows the refresh token in full.
    Introspect(Box<IntrospectArgs>),
    #[cfg(not(target_os = "wasi"))]
    /// Import the session of the provider's own program
    ///
    /// Needs no new login. The other program keeps its session too, unless you pass --remove.
    Import(Box<ImportArgs>),
    /// Show every profile: who is logged in, where, and for how long
    Status,
    /// Revoke the tokens and delete the session
    ///
    /// Deletes the session here even if the provider cannot be reached, and says which
    /// tokens stay valid there. Ends with exit code 7 if the provider could not be reached
    /// to revoke a token, and with 4 if it refused.
    Logout(Box<LogoutArgs>),
    #[cfg(not(target_os = "wasi"))]
    /// Move the session to another store
    ///
    /// Deletes the session from the old store after reading it back from the new one. To
    /// change only the encryption, name the store that holds the session already.
    Move(MoveArgs),
    #[cfg(not(target_os = "wasi"))]
    /// Set up a store that several machines share
    #[command(subcommand)]
    Store(StoreCommand),
    #[cfg(not(target_os = "wasi"))]
    /// Check this machine: its settings, stores, sessions and login flow
    Doctor,
    /// List the presets for known providers, or show one
    ///
    /// To log in with a preset: latch login --provider NAME --set KEY=VALUE
    #[command(subcommand)]
    Provider(ProviderCommand),
    /// Keep settings for several providers, clients or accounts
    ///
    /// The settings are in config.toml, one table for each profile.
    #[command(subcommand)]
    Profile(ProfileCommand),
    /// Show the component that implements the protocol, or write it to a file
    Component(ComponentArgs),
    /// Replay a recording made with --record, step by step
    ///
    /// Runs the component on the recorded replies, and shows what happened at each step.
    /// Needs no network, keyring or settings. Ends with exit code 0 if everything is as
    /// recorded, and with 6 if the component now does something else.
    Replay(ReplayArgs),
    #[cfg(not(target_os = "wasi"))]
    /// Print the script that completes command lines in your shell
    ///
    /// Packages install it. By hand:
    ///
    /// bash: latch completions bash > ~/.local/share/bash-completion/completions/latch
    ///
    /// zsh: latch completions zsh > FOLDER/_latch, for a FOLDER of $fpath
    ///
    /// fish: latch completions fish > ~/.config/fish/completions/latch.fish
    ///
    /// PowerShell: latch completions powershell | Out-String | Invoke-Expression, in $PROFILE
    ///
    /// elvish: eval (latch completions elvish | slurp), in rc.elv
    Completions(CompletionsArgs),
    #[cfg(not(target_os = "wasi"))]
    /// Show help: about a command, or a page about a subject
    Help(HelpArgs),
    #[cfg(not(target_os = "wasi"))]
    /// Write the manual pages, for packages
    #[command(hide = true)]
    Manual(ManualArgs),
    #[cfg(not(target_os = "wasi"))]
    /// Check a downloaded release of latch
    #[command(subcommand, name = "self")]
    Itself(SelfCommand),
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls `check` for every argument of every command.
    fn walk(command: &clap::Command, check: &mut impl FnMut(&clap::Command, &clap::Arg)) {
        command.get_arguments().for_each(|argument| check(command, argument));
        command.get_subcommands().for_each(|subcommand| walk(subcommand, check));
    }

    #[test]
    fn every_variable_of_a_flag_counts_as_unset_if_empty() {
        let mut command = Args::command();
        command.build();
        let mut count = 0;
        walk(&command, &mut |command, argument| {
            if let Some(name) = argument.get_env().and_then(|name| name.to_str()) {
                let place = format!("{name} of {}", command.get_name());
                assert!(name.starts_with(crate::VARIABLE_PREFIX), "{place}");
                count += 1;
            }
        });
        assert!(count > 100, "only {count} were seen");
    }
}
