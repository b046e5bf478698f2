//! Arguments of `latch import`.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use clap::builder::FalseyValueParser;

use super::ProviderArgs;

#[derive(ClapArgs)]
pub(crate) struct ImportArgs {
    /// File with the other program's session [default: where that program keeps it]
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// Delete the other program's session after storing it here
    #[arg(long, env = "LATCH_REMOVE", value_parser = FalseyValueParser::new())]
    pub(crate) remove: bool,

    #[command(flatten)]
    pub(crate) provider: ProviderArgs,
}
