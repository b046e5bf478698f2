//! Completions: the scripts for shells, and the words that these ask this program for.

use std::env;
use std::io::Write as _;

use clap::{Command, CommandFactory as _, ValueEnum as _};
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use clap_complete::env::{CompleteEnv, Shells};
use latchstring::{Code, Error, Preset, printable};
use url::Url;

use super::args::{Args, Shell};
use super::config::Config;
use super::manual;
use super::presets;
use super::profile::Profile;

/// Set by the scripts when they ask for words.
const VARIABLE: &str = "LATCH_COMPLETE";
const PROGRAM: &str = "latch";

/// Prints the words that a shell's script asks for. Returns whether one asks.
///
/// Reads settings only: no network, no keyring, and nothing is written. Errors are not
/// reported, because they would appear in the line that the user types.
pub(crate) fn answer() -> bool {
    if env::var_os(VARIABLE).is_none() {
        return false;
    }
    let folder = env::current_dir().ok();
    let request = CompleteEnv::with_factory(command).var(VARIABLE);
    request.try_complete(env::args_os(), folder.as_deref()).unwrap_or(true)
}

/// Returns the script for a shell.
///
/// # Errors
///
/// Fails if the argument parser does not know the shell.
pub(crate) fn script(shell: Shell) -> Result<Vec<u8>, Error> {
    let name = shell.to_possible_value().map(|shell| shell.get_name().to_owned());
    let name = name.as_deref().unwrap_or_default();
    let mut script = Vec::new();
    let written = Shells::builtins()
        .completer(name)
        .map(|shell| shell.write_registration(VARIABLE, PROGRAM, PROGRAM, PROGRAM, &mut script));
    if !matches!(written, Some(Ok(()))) {
        return Err(Error::new(
            Code::HostFault,
            format!("there are no completions for {name}"),
            "report this bug, with the version of this program",
        ));
    }
    if shell == Shell::Zsh {
        // In a folder of `fpath`, the script is the body of the function `_latch`, which is
        // called for the first completion already.
        let call = "[[ $funcstack[1] != _latch ]] || _clap_dynamic_completer_latch \"$@\"";
        // OK because a list of bytes takes everything.
        writeln!(script, "{call}").expect("a line");
    }
    Ok(script)
}

fn command() -> Command {
    let mut command = Args::command();
    // Commands are built when they are used, and only then have arguments.
    command.build();
    with_values(command, "")
}

/// Adds what can be known about the arguments of a command and of those below it. `path` is
/// the command's name, with those above it: `profile show`.
fn with_values(command: Command, path: &str) -> Command {
    let command = command.mut_args(|argument| match values_of(path, argument.get_id().as_str()) {
        Some(values) => argument.add(ArgValueCandidates::new(values)),
        None => argument,
    });
    command.mut_subcommands(|command| {
        let path = format!("{path} {}", command.get_name());
        with_values(command, path.trim_start())
    })
}

type Values = fn() -> Vec<CompletionCandidate>;

/// Returns the values of a command's argument, which are known only now. Those that are
/// always the same are with the argument itself.
fn values_of(command: &str, argument: &str) -> Option<Values> {
    match (command, argument) {
        (_, "profile" | "subject_profile")
        | ("profile show" | "profile add" | "profile remove", "name") => Some(profiles),
        (_, "provider") | ("provider show", "name") => Some(known_presets),
        ("request", "method") => Some(methods),
        ("request", "url") | (_, "api_origins" | "allow_origin" | "dpop_proxy") => Some(origins),
        (_, "issuer") => Some(issuers),
        ("help", "words") => Some(manual::candidates),
        _ => None,
    }
}

fn profiles() -> Vec<CompletionCandidate> {
    let about = |profile: &Profile| {
        let provider = profile.provider.as_ref().or(profile.issuer.as_ref());
        provider.or(profile.resource_url.as_ref()).cloned()
    };
    known().iter().map(|(name, profile)| candidate(name, about(profile))).collect()
}

fn known_presets() -> Vec<CompletionCandidate> {
    let folder = presets::folder_in(given_folder().as_deref()).ok();
    let about = |name: &str| {
        let preset = Preset::named(name, folder.as_deref()).ok()?;
        Some(preset.about().to_owned())
    };
    let names = Preset::names(folder.as_deref());
    names.iter().map(|name| candidate(name, about(name))).collect()
}

fn methods() -> Vec<CompletionCandidate> {
    ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"].map(CompletionCandidate::new).into()
}

/// Returns the APIs that profiles may send their tokens to. Patterns are no addresses.
fn origins() -> Vec<CompletionCandidate> {
    let known = known();
    let named = known.iter().flat_map(|(_, profile)| profile.api_origins.iter().flatten());
    distinct(named.filter(|origin| !origin.contains('*')).cloned())
}

fn issuers() -> Vec<CompletionCandidate> {
    let is_url = |issuer: &String| Url::parse(issuer).is_ok();
    distinct(known().into_iter().filter_map(|(_, profile)| profile.issuer).filter(is_url))
}

fn distinct(values: impl Iterator<Item = String>) -> Vec<CompletionCandidate> {
    let values: std::collections::BTreeSet<String> = values.collect();
    values.into_iter().map(|value| candidate(&value, None)).collect()
}

fn candidate(value: &str, about: Option<String>) -> CompletionCandidate {
    let about = about.map(|about| printable(&about).to_string().into());
    CompletionCandidate::new(value).help(about)
}

/// Returns the profiles that can be read.
fn known() -> Vec<(String, Profile)> {
    let Ok(config) = Config::read(given_folder().as_deref()) else { return Vec::new() };
    let settings = |name: String| {
        let profile = config.profile(&name).ok().flatten()?;
        Some((name, profile))
    };
    config.names().into_iter().filter_map(settings).collect()
}

/// Returns the folder of settings that the environment names.
fn given_folder() -> Option<std::path::PathBuf> {
    env::var_os("LATCH_CONFIG_DIR").map(Into::into)
}
