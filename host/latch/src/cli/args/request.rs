//! Arguments of `latch request`.

use clap::Args as ClapArgs;
use clap::builder::FalseyValueParser;

use super::ProviderArgs;

#[derive(ClapArgs)]
pub(crate) struct RequestArgs {
    /// HTTP method: GET, POST or any other
    pub(crate) method: String,

    /// URL of the API: at the issuer, a resource, or an origin that you have allowed
    pub(crate) url: String,

    /// Body: text, @FILE, or @- for standard input; sent as JSON, a form or bytes, whichever fits, unless a header sets the type
    #[arg(long, short, env = "LATCH_DATA", value_name = "DATA", allow_hyphen_values = true)]
    pub(crate) data: Option<String>,

    /// Extra header, as 'Name: value'; may be repeated
    #[arg(long = "header", short = 'H', env = "LATCH_HEADER", value_name = "HEADER")]
    pub(crate) headers: Vec<String>,

    /// Print the status and the headers before the body
    #[arg(long, short, env = "LATCH_INCLUDE", value_parser = FalseyValueParser::new())]
    pub(crate) include: bool,

    /// Origin that this one request may send the token to; may be repeated
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
