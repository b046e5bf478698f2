//! What may stand on the command line, and in the environment beside it.

mod global;
mod import;
mod introspect;
mod login;
mod preset;
mod provider;
mod record;
mod request;
mod rest;

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{ArgMatches, Args as _, CommandFactory as _, FromArgMatches as _};
use clap::{Parser, Subcommand};

pub(crate) use self::global::Global;
pub(crate) use self::import::ImportArgs;
pub(crate) use self::introspect::{CheckArgs, IntrospectArgs};
pub(crate) use self::login::{LoginArgs, LoginCommand, RedirectArgs};
pub(crate) use self::preset::ProviderCommand;
pub(crate) use self::provider::ProviderArgs;
pub(crate) use self::record::RecordArgs;
pub(crate) use self::request::RequestArgs;
pub(crate) use self::rest::{
    ComponentArgs, ExecArgs, LogoutArgs, MoveArgs, ProfileCommand, ReplayArgs, TokenArgs,
};

/// Logs a command line in to any OAuth 2.0 / OpenID Connect provider, keeps the
/// session, and hands out fresh access tokens.
#[derive(Parser)]
#[command(name = "latch", version, max_term_width = 100, after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Two commands are enough:
  latch login --issuer https://id.example.com --client-id my-cli --scope offline_access
  curl -H \"Authorization: Bearer $(latch token)\" https://api.example.com/

Exit codes: 0 done, 1 other failure, 2 usage, 3 login required, 4 refused by the user or the
provider, 5 timed out, 6 the provider broke the protocol, 7 network, 8 storage, 130 interrupted
(129 by SIGHUP, 131 by SIGQUIT, 143 by SIGTERM);
latch exec: the command's own, 126 and 127 if it cannot be run.";

impl Args {
    /// Reads this process's command line, and its environment.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        let words: Vec<OsString> = std::env::args_os().collect();
        let quick = alone(&words).and_then(|command| command.try_get_matches_from(&words).ok());
        let matches = match quick {
            Some(matches) => matches,
            // Whatever is wrong is told by the whole.
            None => Self::command().try_get_matches_from(&words)?,
        };
        let mut args =
            Self::from_arg_matches(&matches).map_err(|error| error.format(&mut Self::command()))?;
        let login = match &mut args.command {
            Command::Login(args) => Some(&mut args.login),
            Command::Profile(ProfileCommand::Add { settings, .. }) => Some(&mut **settings),
            _ => None,
        };
        if let Some(login) = login
            && let Err(message) = login.redirect.settle_browser(innermost(&matches))
        {
            return Err(Self::command().error(ErrorKind::ArgumentConflict, message));
        }
        Ok(args)
    }
}

/// The command that these words name, without the others: every argument that is
/// meant for all is copied into each, which takes longer than to parse them.
fn alone(words: &[OsString]) -> Option<clap::Command> {
    let all = Command::augment_subcommands(clap::Command::new("latch"));
    let mut names = words.iter().skip(1).filter_map(|word| word.to_str());
    let named = names.find_map(|word| all.find_subcommand(word))?;
    Some(Global::augment_args(clap::Command::new("latch")).subcommand(named.clone()))
}

/// What was given to the command itself.
fn innermost(matches: &ArgMatches) -> &ArgMatches {
    matches.subcommand().map_or(matches, |(_, matches)| innermost(matches))
}

/// Each built when it is asked for: `latch token` is not to pay for the others.
#[derive(Subcommand)]
#[command(defer = true)]
pub(crate) enum Command {
    /// Log in through a browser
    ///
    /// Opens your browser, waits for it to come back, keeps the session, and
    /// remembers provider and client under the profile: later commands need
    /// neither.
    Login(Box<LoginCommand>),
    /// Print an access token, renewed where it has to be
    ///
    /// Never opens a browser: without a session it ends with exit code 3. Parallel
    /// calls renew once.
    Token(Box<TokenArgs>),
    /// Run a command with an access token in its environment
    ///
    /// The token is fresh when the command starts. Ends with the command's own
    /// exit code.
    Exec(Box<ExecArgs>),
    /// Ask an API with the session's token
    ///
    /// Sends the token as the provider wants it, renews it once where the API
    /// answers 401, and streams the answer to standard output. Redirects are not
    /// followed. Ends with 0 for a status below 400, 4 for 401 and 403, 1 for
    /// others.
    Request(Box<RequestArgs>),
    /// Ask the provider who is logged in
    Whoami(Box<ProviderArgs>),
    /// Show everything about the token, and what the provider says of it
    ///
    /// Secrets are cut short unless you ask for them.
    Introspect(Box<IntrospectArgs>),
    /// Take over the session that another program keeps
    ///
    /// Needs no new login. What is kept there stays unless you say --remove.
    Import(Box<ImportArgs>),
    /// Show every profile: who is logged in, where, and for how long
    Status,
    /// Revoke the tokens and forget the session
    ///
    /// Forgets it even if the provider cannot be asked, and says what stays valid
    /// there. Ends with 7 if the provider could not be reached, and with 4 if it
    /// refused to revoke a token.
    Logout(Box<LogoutArgs>),
    /// Move the stored session to another store
    ///
    /// It is deleted from the old one when the new one has proven to hold it. With
    /// the store that holds it already, its encryption is changed.
    Move(MoveArgs),
    /// Show what this program finds on this machine, and what it makes of it
    Doctor,
    /// Providers that are known ahead of time
    ///
    /// Log in with: latch login --provider NAME --set KEY=VALUE
    #[command(subcommand)]
    Provider(ProviderCommand),
    /// Keep the settings of several providers, clients or accounts
    ///
    /// They lie in config.toml, one table for each profile.
    #[command(subcommand)]
    Profile(ProfileCommand),
    /// Show, or write out, the component that holds the protocol
    Component(ComponentArgs),
    /// Step the component through a transcript that --record wrote
    ///
    /// Needs no network, no keyring and no settings, and shows what happened at each
    /// step. Ends with 0 where everything is as it was recorded, and with 6 where the
    /// component now answers something else.
    Replay(ReplayArgs),
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
    fn every_variable_of_a_flag_is_one_that_is_unset_if_it_is_empty() {
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
