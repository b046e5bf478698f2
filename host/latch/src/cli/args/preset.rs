//! Arguments about presets: settings for known providers.

use clap::{Args as ClapArgs, Subcommand};

use super::login::key_value;

// A preset and its settings.
//
// No doc comment: it would replace the command's own description in the help.
#[derive(ClapArgs, Clone, Default)]
pub(crate) struct PresetArgs {
    /// Preset of a known provider; see `latch provider list`
    #[arg(long, env = "LATCH_PROVIDER", value_name = "NAME")]
    pub(crate) provider: Option<String>,

    /// Setting of the preset; may be repeated (in the variable, one per line)
    #[arg(long, env = "LATCH_SET", value_delimiter = '\n', value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) set: Vec<(String, String)>,
}

#[derive(Subcommand)]
#[command(defer = true)]
pub(crate) enum ProviderCommand {
    /// List the presets
    List,
    /// Show the settings of a preset, and its file, which you can copy for another provider
    Show {
        /// Name of the preset
        name: String,
    },
}
