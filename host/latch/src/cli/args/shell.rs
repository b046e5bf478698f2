//! Arguments about help and about shells.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

#[derive(ClapArgs)]
pub(crate) struct HelpArgs {
    /// Command or page
    #[arg(value_name = "WORD")]
    pub(crate) words: Vec<String>,
}

#[derive(ClapArgs)]
pub(crate) struct CompletionsArgs {
    /// Shell that the script is for
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

#[derive(ClapArgs)]
pub(crate) struct ManualArgs {
    /// Folder to write to; it is created if needed
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
}

/// A shell that command lines can be completed in, by the name that clap_complete has for it.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
}
