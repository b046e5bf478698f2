//! `--record`, for hosts that can record.

use clap::Args as ClapArgs;
use latchstring::LatchBuilder;

/// The file of `--record`.
#[derive(ClapArgs, Clone, Default)]
#[command(next_help_heading = "Global options")]
pub(crate) struct RecordArgs {
    /// Record what latch and its login component exchange, without secrets, for a bug report
    #[cfg(not(target_os = "wasi"))]
    #[arg(
        id = "record",
        long,
        global = true,
        env = "LATCH_RECORD",
        value_name = "FILE",
        hide_short_help = true
    )]
    pub(crate) file: Option<std::path::PathBuf>,

    /// Collects what the file will contain.
    #[cfg(not(target_os = "wasi"))]
    #[arg(skip)]
    pub(crate) recorder: Option<latchstring::Recorder>,
}

#[cfg(not(target_os = "wasi"))]
impl RecordArgs {
    /// Whether the session is recorded.
    pub(crate) fn is_on(&self) -> bool {
        self.recorder.is_some()
    }

    /// Records the session of the client.
    pub(crate) fn attach(&self, builder: LatchBuilder) -> LatchBuilder {
        match &self.recorder {
            Some(recorder) => builder.record(recorder.clone()),
            None => builder,
        }
    }
}

#[cfg(target_os = "wasi")]
impl RecordArgs {
    pub(crate) fn is_on(&self) -> bool {
        false
    }

    pub(crate) fn attach(&self, builder: LatchBuilder) -> LatchBuilder {
        builder
    }
}
