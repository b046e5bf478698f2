//! `--record`, for hosts that can record.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use latchstring::Recorder;

#[derive(ClapArgs, Clone, Default)]
#[command(next_help_heading = "Global options")]
pub(crate) struct RecordArgs {
    /// Record what latch and its login component exchange, without secrets, for a bug report
    #[arg(
        id = "record",
        long,
        global = true,
        env = "LATCH_RECORD",
        value_name = "FILE",
        hide_short_help = true
    )]
    pub(crate) file: Option<PathBuf>,

    /// Collects what the file will contain.
    #[arg(skip)]
    pub(crate) recorder: Option<Recorder>,
}
