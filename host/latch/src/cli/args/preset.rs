//! Providers that are known ahead of time.

use clap::{Args as ClapArgs, Subcommand};

use super::login::key_value;

// A preset and its settings.
//
// No doc comment: it would take the place of what a command says of itself.
#[derive(ClapArgs, Default)]
pub(crate) struct PresetArgs {
    /// A provider that is known ahead of time; see `latch provider list`
    #[arg(long, env = "LATCH_PROVIDER", value_name = "NAME")]
    pub(crate) provider: Option<String>,

    /// A setting of that provider; may be repeated (in the variable: a line each)
    #[arg(long, env = "LATCH_SET", value_delimiter = '\n', value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) set: Vec<(String, String)>,
}

#[derive(Subcommand)]
pub(crate) enum ProviderCommand {
    /// List the names
    List,
    /// Show what has to be set, and the file to copy for a provider of your own
    Show {
        /// The provider's name
        name: String,
    },
}
