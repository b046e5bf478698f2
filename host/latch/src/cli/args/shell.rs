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

/// A shell that command lines can be completed in.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
}

impl Shell {
    /// Returns the name that the argument parser's library has for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Elvish => "elvish",
            Self::Fish => "fish",
            Self::Powershell => "powershell",
            Self::Zsh => "zsh",
        }
    }
}
