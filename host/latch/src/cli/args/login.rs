//! Arguments of `latch login`.

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args as ClapArgs};
use url::Url;

use super::ProviderArgs;
use crate::cli::choices::{Flow, RedirectHost};

// How to log in.
//
// No doc comment: it would replace the command's own description in the help.
#[derive(ClapArgs, Clone, Default)]
#[command(next_help_heading = "Login")]
pub(crate) struct RedirectArgs {
    /// How to log in [default: auto]
    #[arg(long, env = "LATCH_FLOW", value_enum)]
    pub(crate) flow: Option<Flow>,

    /// Port of the redirect URI; several, separated by commas, are tried in order [default: any free port]
    #[arg(long = "port", env = "LATCH_PORT", value_name = "PORT", value_delimiter = ',')]
    pub(crate) ports: Vec<u16>,

    /// Host of the redirect URI, as registered at the provider [default: the preset's, else 127.0.0.1]
    #[arg(long, env = "LATCH_REDIRECT_HOST", value_name = "HOST", value_enum)]
    pub(crate) redirect_host: Option<RedirectHost>,

    /// Path of the redirect URI, as registered at the provider [default: the preset's, else /callback]
    #[arg(long, env = "LATCH_REDIRECT_PATH", value_name = "PATH")]
    pub(crate) redirect_path: Option<String>,

    /// Command that opens the browser; latch appends the address as its last argument
    #[arg(long, env = "LATCH_BROWSER", value_name = "COMMAND")]
    pub(crate) browser: Option<String>,

    /// Do not open a browser, only print the address
    #[arg(long, env = "LATCH_NO_BROWSER", value_parser = FalseyValueParser::new())]
    pub(crate) no_browser: bool,

    /// Do not draw a QR code
    #[arg(long, env = "LATCH_NO_QR", value_parser = FalseyValueParser::new(), hide_short_help = true)]
    pub(crate) no_qr: bool,

    /// File with texts, and optionally a template, for the pages in the browser
    #[arg(long, env = "LATCH_PAGES", value_name = "FILE", hide_short_help = true)]
    pub(crate) pages: Option<PathBuf>,

    /// Seconds that you have to log in [default: 300 in a browser, the lifetime of the code on another device]
    #[arg(long, env = "LATCH_TIMEOUT", value_name = "SECONDS")]
    pub(crate) timeout: Option<u64>,

    /// Extra parameter of the authorization request; an empty value leaves out a default one; may be repeated (in the variable, one per line)
    #[arg(long = "param", env = "LATCH_PARAM", hide_short_help = true, value_delimiter = '\n', value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) parameters: Vec<(String, String)>,
}

#[derive(ClapArgs, Clone, Default)]
pub(crate) struct LoginArgs {
    #[command(flatten)]
    pub(crate) provider: ProviderArgs,
    #[command(flatten)]
    pub(crate) redirect: RedirectArgs,
}

#[derive(ClapArgs)]
pub(crate) struct LoginCommand {
    /// URL of an MCP server, of another protected resource, or of a provider
    #[arg(value_name = "URL", conflicts_with = "resource_url", value_parser = url_of_host)]
    pub(crate) url: Option<String>,

    /// `WWW-Authenticate` header with which the resource refused another program
    #[arg(
        long,
        env = "LATCH_CHALLENGE",
        value_name = "HEADER",
        help_heading = "Login by URL",
        hide_short_help = true
    )]
    pub(crate) challenge: Option<String>,

    #[command(flatten)]
    pub(crate) by_url: ByUrlArgs,

    /// File with the refresh token of an anonymous session to make yours (Hexclave); or set LATCH_ANONYMOUS_REFRESH_TOKEN
    #[arg(
        long,
        env = "LATCH_ANONYMOUS_TOKEN_FILE",
        value_name = "FILE",
        help_heading = "Login",
        hide_short_help = true
    )]
    pub(crate) anonymous_token_file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) login: LoginArgs,
}

// A login by the URL of a protected resource.
//
// No doc comment: it would replace the command's own description in the help.
#[derive(ClapArgs, Clone)]
#[command(next_help_heading = "Login by URL")]
pub(crate) struct ByUrlArgs {
    /// Host of the only issuer to log in at; every other one is refused [default: you are asked]
    #[arg(long, env = "LATCH_ACCEPT_ISSUER", value_name = "HOST", value_parser = host, hide_short_help = true)]
    pub(crate) accept_issuer: Option<String>,

    /// Register a new client at the provider, although one is known (RFC 7591)
    #[arg(long, env = "LATCH_REGISTER", value_parser = FalseyValueParser::new(), hide_short_help = true)]
    pub(crate) register: bool,

    /// File with the initial access token for the registration; or set LATCH_INITIAL_ACCESS_TOKEN
    #[arg(
        long,
        env = "LATCH_INITIAL_ACCESS_TOKEN_FILE",
        value_name = "FILE",
        hide_short_help = true
    )]
    pub(crate) initial_access_token_file: Option<PathBuf>,
}

impl RedirectArgs {
    /// Settles `--browser` against `--no-browser`: they answer one question, and the
    /// command line's answer wins over the environment's.
    pub(super) fn settle_browser(&mut self, matches: &ArgMatches) -> Result<(), &'static str> {
        if self.browser.is_none() || !self.no_browser {
            return Ok(());
        }
        let in_environment = |id| matches.value_source(id) == Some(ValueSource::EnvVariable);
        match (in_environment("browser"), in_environment("no_browser")) {
            (true, _) => self.browser = None,
            (false, true) => self.no_browser = false,
            (false, false) => return Err("--browser and --no-browser cannot be combined"),
        }
        Ok(())
    }
}

/// Parses the name of a host: an issuer is accepted by that alone.
fn host(text: &str) -> Result<String, String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-.[:]".contains(c);
    let is_address = text.starts_with('[') && text.ends_with(']');
    if text.chars().all(is_part) && (is_address || !text.contains(':')) && !text.is_empty() {
        return Ok(text.to_owned());
    }
    Err("expected the name of a host, such as id.example.com".to_owned())
}

/// Parses a URL. The name of a host alone stands for https.
pub(crate) fn url_of_host(text: &str) -> Result<String, String> {
    let is_host = !text.contains("://") && text.contains(['.', ':']);
    let url = if is_host { format!("https://{text}") } else { text.to_owned() };
    let expected = "expected a URL or the name of a host, such as id.example.com";
    Url::parse(&url).map(|_| url).map_err(|_| expected.to_owned())
}

pub(super) fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}
