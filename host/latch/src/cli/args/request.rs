//! What `latch request` takes.

use clap::Args as ClapArgs;
use clap::builder::FalseyValueParser;

use super::ProviderArgs;

#[derive(ClapArgs)]
pub(crate) struct RequestArgs {
    /// GET, POST, or any other
    pub(crate) method: String,

    /// Where: at the issuer, at a resource, or at an origin that you have named
    pub(crate) url: String,

    /// The body, or @FILE, or @- for standard input; JSON or a form, unless a header says what it is
    #[arg(long, short, env = "LATCH_DATA", value_name = "DATA", allow_hyphen_values = true)]
    pub(crate) data: Option<String>,

    /// A further header, 'Name: value'; may be repeated
    #[arg(long = "header", short = 'H', env = "LATCH_HEADER", value_name = "HEADER")]
    pub(crate) headers: Vec<String>,

    /// Print status and headers before the body
    #[arg(long, short, env = "LATCH_INCLUDE", value_parser = FalseyValueParser::new())]
    pub(crate) include: bool,

    /// An origin that this request may send the token to; may be repeated
    #[arg(
        long = "allow-origin",
        env = "LATCH_ALLOW_ORIGIN",
        value_name = "URL",
        value_delimiter = ' '
    )]
    pub(crate) allow_origins: Vec<String>,

    #[command(flatten)]
    pub(crate) provider: ProviderArgs,
}
