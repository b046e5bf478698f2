//! Taking over another program's session.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use clap::builder::FalseyValueParser;

use super::ProviderArgs;

#[derive(ClapArgs)]
pub(crate) struct ImportArgs {
    /// The file that the other program keeps its session in; where it usually does unless given
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// Delete the session there once it is kept here
    #[arg(long, env = "LATCH_REMOVE", value_parser = FalseyValueParser::new())]
    pub(crate) remove: bool,

    #[command(flatten)]
    pub(crate) provider: ProviderArgs,
}
