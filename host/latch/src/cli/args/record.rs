//! What a host that can record takes beside.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use latchstring::Recorder;

#[derive(ClapArgs, Clone, Default)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct RecordArgs {
    /// Write what passes between this program and the login component to FILE, without secrets: for a bug report
    #[arg(id = "record", long, global = true, env = "LATCH_RECORD", value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// What the file is made of
    #[arg(skip)]
    pub(crate) recorder: Option<Recorder>,
}
