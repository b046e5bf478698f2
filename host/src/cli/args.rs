//! What may stand on the command line, and in the environment beside it.

use std::ffi::OsString;
use std::path::PathBuf;

mod import;
mod introspect;
mod login;
mod preset;

pub(crate) use import::ImportArgs;
pub(crate) use introspect::{CheckArgs, IntrospectArgs};
pub(crate) use login::LoginCommand;
pub(crate) use preset::{PresetArgs, ProviderCommand};

use clap::builder::FalseyValueParser;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args as ClapArgs, CommandFactory as _, FromArgMatches as _};
use clap::{Parser, Subcommand};

use super::choices::{ClientAuth, Flow, MoveTarget, RedirectHost, StoreChoice, TokenOutput};

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

Exit codes: 0 done, 1 other failure, 2 usage, 3 login required, 4 refused by the person or the
provider, 5 timed out, 6 the provider broke the protocol, 7 network, 8 storage, 130 interrupted.";

impl Args {
    /// Reads this process's command line, and its environment.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        let mut command = Self::command();
        let matches = command.try_get_matches_from_mut(std::env::args_os())?;
        let mut args =
            Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
        let login = match &mut args.command {
            Command::Login(args) => Some(&mut args.login),
            Command::Profile(ProfileCommand::Add { settings, .. }) => Some(&mut **settings),
            _ => None,
        };
        if let Some(login) = login
            && let Err(message) = login.redirect.settle_browser(innermost(&matches))
        {
            return Err(command.error(ErrorKind::ArgumentConflict, message));
        }
        Ok(args)
    }
}

impl RedirectArgs {
    /// Which browser, or none, is one question: the command line's answer wins
    /// over the environment's, whichever it is.
    fn settle_browser(&mut self, matches: &ArgMatches) -> Result<(), &'static str> {
        if self.browser.is_none() || !self.no_browser {
            return Ok(());
        }
        let in_environment = |id| matches.value_source(id) == Some(ValueSource::EnvVariable);
        match (in_environment("browser"), in_environment("no_browser")) {
            (true, _) => self.browser = None,
            (false, true) => self.no_browser = false,
            (false, false) => return Err("--browser and --no-browser cannot be given together"),
        }
        Ok(())
    }
}

/// What was given to the command itself.
fn innermost(matches: &ArgMatches) -> &ArgMatches {
    matches.subcommand().map_or(matches, |(_, matches)| innermost(matches))
}

#[derive(ClapArgs, Clone)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    /// Whose settings and session to use
    #[arg(
        long,
        global = true,
        env = "LATCH_PROFILE",
        value_name = "NAME",
        default_value = "default"
    )]
    pub(crate) profile: String,

    /// Where sessions are kept [default: what the last login used]
    #[arg(long, global = true, env = "LATCH_STORE", value_enum)]
    pub(crate) store: Option<StoreChoice>,

    /// Encrypt sessions in files with the key in this file, an age identity; a login makes it where it is missing
    #[arg(long, global = true, env = "LATCH_KEY_FILE", value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,

    /// Encrypt sessions in files with a passphrase: you are asked for it, or set LATCH_PASSPHRASE
    #[arg(long, global = true, env = "LATCH_ENCRYPT", value_parser = FalseyValueParser::new(), conflicts_with = "key_file")]
    pub(crate) encrypt: bool,

    /// How long to wait for another process that uses the same session
    #[arg(
        long,
        global = true,
        env = "LATCH_LOCK_TIMEOUT",
        value_name = "SECONDS",
        default_value_t = 60
    )]
    pub(crate) lock_timeout: u64,

    /// How long to wait for the keyring
    #[arg(
        long,
        global = true,
        env = "LATCH_KEYRING_TIMEOUT",
        value_name = "SECONDS",
        default_value_t = 3
    )]
    pub(crate) keyring_timeout: u64,

    /// Where config.toml lies
    #[arg(long, global = true, env = "LATCH_CONFIG_DIR", value_name = "FOLDER")]
    pub(crate) config_dir: Option<PathBuf>,

    /// Where the file store keeps sessions
    #[arg(long, global = true, env = "LATCH_STATE_DIR", value_name = "FOLDER")]
    pub(crate) state_dir: Option<PathBuf>,

    /// Answer, and report errors, as JSON
    #[arg(long, global = true, env = "LATCH_JSON", value_parser = FalseyValueParser::new())]
    pub(crate) json: bool,

    /// Only lines of text: no spinner, no link, no QR code
    #[arg(long, global = true, env = "LATCH_PLAIN", value_parser = FalseyValueParser::new())]
    pub(crate) plain: bool,

    /// Tell every request on standard error; never a secret
    #[arg(long, short, global = true, env = "LATCH_VERBOSE", value_parser = FalseyValueParser::new())]
    pub(crate) verbose: bool,

    /// This process renews a token for another one
    #[arg(long, global = true, hide = true)]
    pub(crate) renewer: bool,
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
    /// Forgets it even where the provider cannot be asked, and says what stays
    /// valid there.
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
}

/// The provider, the client, and what to ask for.
#[derive(ClapArgs, Default)]
#[command(next_help_heading = "Provider")]
pub(crate) struct ProviderArgs {
    #[command(flatten)]
    pub(crate) preset: PresetArgs,

    /// The provider's issuer identifier
    #[arg(long, env = "LATCH_ISSUER", value_name = "URL", conflicts_with = "provider")]
    pub(crate) issuer: Option<String>,

    /// The client id that the provider registered
    #[arg(long, env = "LATCH_CLIENT_ID", value_name = "ID")]
    pub(crate) client_id: Option<String>,

    /// A scope to ask for; may be repeated
    #[arg(long = "scope", env = "LATCH_SCOPE", value_name = "SCOPE", value_delimiter = ' ')]
    pub(crate) scopes: Vec<String>,

    /// A resource that the token is for (RFC 8707); may be repeated
    #[arg(long = "resource", env = "LATCH_RESOURCE", value_name = "URI", value_delimiter = ' ')]
    pub(crate) resources: Vec<String>,

    /// A file with the client secret; or set LATCH_CLIENT_SECRET
    #[arg(long, env = "LATCH_CLIENT_SECRET_FILE", value_name = "FILE")]
    pub(crate) client_secret_file: Option<PathBuf>,

    /// How the client authenticates; by default what the provider prefers
    #[arg(long, env = "LATCH_CLIENT_AUTH", value_name = "METHOD", value_enum)]
    pub(crate) client_auth: Option<ClientAuth>,

    /// Do not fetch the issuer's metadata
    #[arg(long, env = "LATCH_NO_DISCOVERY", value_parser = FalseyValueParser::new())]
    pub(crate) no_discovery: bool,

    /// Where the browser goes to log in; wins over the metadata, as do those below
    #[arg(long, env = "LATCH_AUTHORIZATION_ENDPOINT", value_name = "URL")]
    pub(crate) authorization_endpoint: Option<String>,

    /// Where codes and refresh tokens are exchanged
    #[arg(long, env = "LATCH_TOKEN_ENDPOINT", value_name = "URL")]
    pub(crate) token_endpoint: Option<String>,

    /// Where to ask who is logged in
    #[arg(long, env = "LATCH_USERINFO_ENDPOINT", value_name = "URL")]
    pub(crate) userinfo_endpoint: Option<String>,

    /// Where tokens are revoked
    #[arg(long, env = "LATCH_REVOCATION_ENDPOINT", value_name = "URL")]
    pub(crate) revocation_endpoint: Option<String>,

    /// Where a code for another device is asked for
    #[arg(long, env = "LATCH_DEVICE_AUTHORIZATION_ENDPOINT", value_name = "URL")]
    pub(crate) device_authorization_endpoint: Option<String>,

    /// Where the provider's signing keys are
    #[arg(long, env = "LATCH_JWKS_URI", value_name = "URL")]
    pub(crate) jwks_uri: Option<String>,

    /// Where a browser ends the session at the provider
    #[arg(long, env = "LATCH_END_SESSION_ENDPOINT", value_name = "URL")]
    pub(crate) end_session_endpoint: Option<String>,

    /// Where to ask about a token (RFC 7662)
    #[arg(long, env = "LATCH_INTROSPECTION_ENDPOINT", value_name = "URL")]
    pub(crate) introspection_endpoint: Option<String>,

    /// Where a token that is presented is told about
    #[arg(long, env = "LATCH_TOKENINFO_ENDPOINT", value_name = "URL")]
    pub(crate) tokeninfo_endpoint: Option<String>,
}

/// How a login goes about it.
#[derive(ClapArgs, Default)]
#[command(next_help_heading = "Login")]
pub(crate) struct RedirectArgs {
    /// How to log in
    #[arg(long, env = "LATCH_FLOW", value_enum)]
    pub(crate) flow: Option<Flow>,

    /// Ports to come back to, tried in order; any free one unless given
    #[arg(long = "port", env = "LATCH_PORT", value_name = "PORT", value_delimiter = ',')]
    pub(crate) ports: Vec<u16>,

    /// The host in the redirect URI, as registered at the provider
    #[arg(long, env = "LATCH_REDIRECT_HOST", value_name = "HOST", value_enum)]
    pub(crate) redirect_host: Option<RedirectHost>,

    /// The path in the redirect URI, as registered at the provider [default: /callback]
    #[arg(long, env = "LATCH_REDIRECT_PATH", value_name = "PATH")]
    pub(crate) redirect_path: Option<String>,

    /// The browser's command; the address is appended as its last word
    #[arg(long, env = "LATCH_BROWSER", value_name = "COMMAND")]
    pub(crate) browser: Option<String>,

    /// Only print the address
    #[arg(long, env = "LATCH_NO_BROWSER", value_parser = FalseyValueParser::new())]
    pub(crate) no_browser: bool,

    /// Draw no QR code
    #[arg(long, env = "LATCH_NO_QR", value_parser = FalseyValueParser::new())]
    pub(crate) no_qr: bool,

    /// A file with texts, and perhaps a template, for the pages in the browser
    #[arg(long, env = "LATCH_PAGES", value_name = "FILE")]
    pub(crate) pages: Option<PathBuf>,

    /// How long you may take [default: 300]
    #[arg(long, env = "LATCH_TIMEOUT", value_name = "SECONDS")]
    pub(crate) timeout: Option<u64>,

    /// A further parameter of the authorization request; may be repeated (in the variable: a line each)
    #[arg(long = "param", env = "LATCH_PARAM", value_delimiter = '\n', value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) parameters: Vec<(String, String)>,
}

#[derive(ClapArgs, Default)]
pub(crate) struct LoginArgs {
    #[command(flatten)]
    pub(crate) provider: ProviderArgs,
    #[command(flatten)]
    pub(crate) redirect: RedirectArgs,
}

#[derive(ClapArgs)]
pub(crate) struct TokenArgs {
    /// Renew unless the token stays valid for so long
    #[arg(long, env = "LATCH_MIN_TTL", value_name = "SECONDS", default_value_t = 0)]
    pub(crate) min_ttl: u64,

    /// Renew even a token that is still good
    #[arg(long, env = "LATCH_FORCE_REFRESH", value_parser = FalseyValueParser::new())]
    pub(crate) force_refresh: bool,

    /// What to print [default: token]
    #[arg(long, env = "LATCH_OUTPUT", value_name = "FORMAT", value_enum)]
    pub(crate) output: Option<TokenOutput>,

    #[command(flatten)]
    pub(crate) checks: CheckArgs,

    #[command(flatten)]
    pub(crate) provider: ProviderArgs,
}

#[derive(ClapArgs)]
pub(crate) struct ExecArgs {
    /// The variable that holds the access token
    #[arg(long, env = "LATCH_VARIABLE", value_name = "NAME", default_value = "LATCH_ACCESS_TOKEN")]
    pub(crate) variable: String,

    /// Renew unless the token stays valid for so long
    #[arg(long, env = "LATCH_MIN_TTL", value_name = "SECONDS", default_value_t = 0)]
    pub(crate) min_ttl: u64,

    #[command(flatten)]
    pub(crate) provider: ProviderArgs,

    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

#[derive(ClapArgs)]
pub(crate) struct MoveArgs {
    /// Where to keep it from now on
    #[arg(value_enum)]
    pub(crate) to: MoveTarget,
}

#[derive(ClapArgs)]
pub(crate) struct LogoutArgs {
    /// End every session of every profile
    #[arg(long, env = "LATCH_ALL", value_parser = FalseyValueParser::new())]
    pub(crate) all: bool,

    /// End the session at the provider too, in a browser
    #[arg(long, env = "LATCH_END_SESSION", value_parser = FalseyValueParser::new(), conflicts_with = "all")]
    pub(crate) end_session: bool,

    /// The browser's command; the address is appended as its last word
    #[arg(long, env = "LATCH_BROWSER", value_name = "COMMAND")]
    pub(crate) browser: Option<String>,

    #[command(flatten)]
    pub(crate) provider: ProviderArgs,
}

#[derive(Subcommand)]
pub(crate) enum ProfileCommand {
    /// Keep settings under a name, or change some of them
    Add {
        /// The profile's name
        name: String,
        #[command(flatten)]
        settings: Box<LoginArgs>,
    },
    /// List the names
    List,
    /// Show a profile's settings
    Show {
        /// The profile's name
        name: Option<String>,
    },
    /// Forget a profile's settings
    Remove {
        /// The profile's name
        name: String,
    },
}

#[derive(ClapArgs)]
pub(crate) struct ComponentArgs {
    /// Write the component itself to a file; - for standard output
    #[arg(long, env = "LATCH_COMPONENT_OUTPUT", value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

pub(super) fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}
