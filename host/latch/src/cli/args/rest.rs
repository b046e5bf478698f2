//! Arguments of the other commands.

#[cfg(not(target_os = "wasi"))]
use std::ffi::OsString;
use std::path::PathBuf;

#[cfg(not(target_os = "wasi"))]
use clap::ValueHint;
use clap::builder::FalseyValueParser;
use clap::{Args as ClapArgs, Subcommand};

use super::opaque::opaque;
use super::{CheckArgs, LoginArgs, ProviderArgs};
use crate::cli::choices::TokenOutput;
#[cfg(not(target_os = "wasi"))]
use crate::cli::stores::{StoreChoice, StoreParser};

#[derive(ClapArgs, Clone)]
pub(crate) struct TokenArgs {
    /// Refresh the token unless it stays valid for at least this many seconds
    #[arg(long, env = "LATCH_MIN_TTL", value_name = "SECONDS", default_value_t = 0)]
    pub(crate) min_ttl: u64,

    /// Refresh the token even if it is still good
    #[arg(long, env = "LATCH_FORCE_REFRESH", value_parser = FalseyValueParser::new())]
    pub(crate) force_refresh: bool,

    /// What to print [default: token, or json with --json]
    #[arg(long, env = "LATCH_OUTPUT", value_name = "FORMAT", value_enum)]
    pub(crate) output: Option<TokenOutput>,

    #[cfg(not(target_os = "wasi"))]
    /// Print the ID token, which says who you are, instead of the access token
    #[arg(
        long,
        env = "LATCH_ID_TOKEN",
        value_parser = FalseyValueParser::new(),
        conflicts_with_all = ["output", "challenge", "audience"]
    )]
    pub(crate) id_token: bool,

    /// `WWW-Authenticate` header with which the resource refused the token
    #[arg(long, env = "LATCH_CHALLENGE", value_name = "HEADER", hide_short_help = true)]
    pub(crate) challenge: Option<String>,

    /// With --output header and a token that is bound to a key: the method of the one request that the headers are for
    #[arg(
        long,
        env = "LATCH_FOR_METHOD",
        value_name = "METHOD",
        default_value = "GET",
        hide_short_help = true
    )]
    pub(crate) for_method: String,

    /// With --output header and a token that is bound to a key: the URL of that request
    #[arg(long, env = "LATCH_FOR_URL", value_name = "URL", hide_short_help = true)]
    pub(crate) for_url: Option<String>,

    /// What the API named in the header `DPoP-Nonce` of its last response
    #[arg(
        long,
        env = "LATCH_DPOP_NONCE",
        value_name = "NONCE",
        allow_hyphen_values = true,
        value_parser = opaque,
        hide_short_help = true,
        requires = "for_url"
    )]
    pub(crate) dpop_nonce: Option<String>,

    #[command(flatten)]
    pub(crate) checks: CheckArgs,

    #[command(flatten)]
    pub(crate) provider: ProviderArgs,
}

#[cfg(not(target_os = "wasi"))]
#[derive(ClapArgs)]
pub(crate) struct ExecArgs {
    /// Environment variable to put the access token in [default: LATCH_ACCESS_TOKEN], or with --dpop-proxy the address of the proxy [default: LATCH_API_URL]
    #[arg(long, env = "LATCH_VARIABLE", value_name = "NAME")]
    pub(crate) variable: Option<String>,

    /// Refresh the token unless it stays valid for at least this many seconds
    #[arg(long, env = "LATCH_MIN_TTL", value_name = "SECONDS", default_value_t = 0)]
    pub(crate) min_ttl: u64,

    /// Pass on a token that is bound to a key (DPoP), although the command cannot use it alone
    #[arg(long, env = "LATCH_ALLOW_BOUND", value_parser = FalseyValueParser::new(), hide_short_help = true)]
    pub(crate) allow_bound: bool,

    /// Instead of the token, give the command an address on this machine that stands for this API: latch adds the token to each request, and the proof if the token is bound to a key (DPoP)
    #[arg(long, env = "LATCH_DPOP_PROXY", value_name = "ORIGIN", conflicts_with_all = ["program", "allow_bound"])]
    pub(crate) dpop_proxy: Option<String>,

    #[command(flatten)]
    pub(crate) lasting: Option<ForArgs>,

    #[command(flatten)]
    pub(crate) provider: ProviderArgs,

    /// Command to run, and its arguments
    #[arg(
        last = true,
        required = true,
        value_name = "COMMAND",
        value_hint = ValueHint::CommandWithArguments
    )]
    pub(crate) command: Vec<OsString>,
}

#[cfg(not(target_os = "wasi"))]
#[derive(ClapArgs)]
pub(crate) struct ForArgs {
    /// Program whose variables to set: for npm with the access token, for the others with the ID token in a file that stays fresh as long as the command runs
    #[arg(long = "for", value_name = "PROGRAM", value_enum, required = false)]
    pub(crate) program: ExecFor,

    /// Role to assume at AWS
    #[arg(long, value_name = "ARN", requires = "program")]
    pub(crate) role_arn: Option<String>,

    /// Audience of the workload identity provider at Google
    #[arg(long, value_name = "AUDIENCE", requires = "program")]
    pub(crate) google_audience: Option<String>,
}

/// Programs with variables of their own.
#[cfg(not(target_os = "wasi"))]
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ExecFor {
    Aws,
    Azure,
    Databricks,
    Google,
    Npm,
}

#[cfg(not(target_os = "wasi"))]
#[derive(ClapArgs)]
pub(crate) struct MoveArgs {
    /// Store to move the session to
    #[arg(value_name = "STORE", value_parser = StoreParser { without: &["auto", "memory"] })]
    pub(crate) to: StoreChoice,
}

#[derive(ClapArgs)]
pub(crate) struct LogoutArgs {
    /// Log out of every session of every profile
    #[arg(long, env = "LATCH_ALL", value_parser = FalseyValueParser::new())]
    pub(crate) all: bool,

    /// Also end the session at the provider, in a browser
    #[arg(long, env = "LATCH_END_SESSION", value_parser = FalseyValueParser::new(), conflicts_with = "all")]
    pub(crate) end_session: bool,

    /// Also remove the client that latch registered at the provider. Ends every session that
    /// was made with it
    #[arg(long, env = "LATCH_UNREGISTER", value_parser = FalseyValueParser::new(), conflicts_with = "all")]
    pub(crate) unregister: bool,

    /// Command that opens the browser; latch appends the address as its last argument
    #[arg(long, env = "LATCH_BROWSER", value_name = "COMMAND")]
    pub(crate) browser: Option<String>,

    #[command(flatten)]
    pub(crate) provider: ProviderArgs,
}

#[derive(Subcommand)]
#[command(defer = true)]
pub(crate) enum ProfileCommand {
    /// Add a profile, or change some of its settings
    Add {
        /// Name of the profile
        name: String,
        #[command(flatten)]
        settings: Box<LoginArgs>,
    },
    /// List the profiles
    List,
    /// Show the settings of a profile
    Show {
        /// Name of the profile [default: the current profile]
        name: Option<String>,
    },
    #[cfg(not(target_os = "wasi"))]
    /// Edit the settings of all profiles in your editor (VISUAL, EDITOR)
    ///
    /// Opens a copy of config.toml, and saves it only if the settings can work.
    Edit,
    #[cfg(not(target_os = "wasi"))]
    /// Copy the settings of a profile to a new one, which is not logged in
    Copy {
        /// Name of the profile
        name: String,
        /// Name of the new profile
        new_name: String,
    },
    #[cfg(not(target_os = "wasi"))]
    /// Give a profile another name; its session stays usable
    Rename {
        /// Name of the profile
        name: String,
        /// Its new name
        new_name: String,
    },
    /// Delete the settings of a profile
    Remove {
        /// Name of the profile
        name: String,
    },
}

#[derive(ClapArgs)]
pub(crate) struct ComponentArgs {
    #[cfg(not(target_os = "wasi"))]
    /// Use the rules component, which hosts in other languages run, instead of the login component
    #[arg(long, env = "LATCH_RULES", value_parser = FalseyValueParser::new())]
    pub(crate) rules: bool,

    #[cfg(not(target_os = "wasi"))]
    /// Write the component to this file; - for standard output
    #[arg(long, env = "LATCH_COMPONENT_OUTPUT", value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(ClapArgs)]
pub(crate) struct ReplayArgs {
    /// Recording made with --record; - for standard input
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
}
