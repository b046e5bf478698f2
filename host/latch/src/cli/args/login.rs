//! The login's part of the command line.

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args as ClapArgs};

use super::ProviderArgs;
use crate::cli::choices::{Flow, RedirectHost};

// How a login goes about it.
//
// No doc comment: it would take the place of what a command says of itself.
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

    /// How long you may take [default: 300 in a browser, and the life of a device code]
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
pub(crate) struct LoginCommand {
    /// A file with the refresh token of an anonymous session that becomes yours (Hexclave); or set LATCH_ANONYMOUS_REFRESH_TOKEN
    #[arg(long, env = "LATCH_ANONYMOUS_TOKEN_FILE", value_name = "FILE", help_heading = "Login")]
    pub(crate) anonymous_token_file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) login: LoginArgs,
}

impl RedirectArgs {
    /// Which browser, or none, is one question: the command line's answer wins
    /// over the environment's, whichever it is.
    pub(super) fn settle_browser(&mut self, matches: &ArgMatches) -> Result<(), &'static str> {
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

pub(super) fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}
