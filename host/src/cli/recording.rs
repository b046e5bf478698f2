//! `--record FILE`: the transcript of the command's session.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use latchstring::{Code, Error, Recorder, Transcript};
use tempfile::NamedTempFile;

use super::args::Global;
use super::output;

/// A recording under way, and where it is to be written.
pub(crate) struct Recording {
    file: PathBuf,
    recorder: Recorder,
    json: bool,
}

impl Recording {
    /// Begins one where the person wants it.
    pub(crate) fn begin(global: &mut Global) -> Option<Self> {
        let file = global.recording.file.clone()?;
        let recorder = Recorder::new();
        global.recording.recorder = Some(recorder.clone());
        Some(Self { file, recorder, json: global.json })
    }

    /// Writes it, whatever came of the command.
    pub(crate) fn end(self) {
        if let Err(error) = self.write() {
            output::report(&error, self.json);
        }
    }

    fn write(&self) -> Result<(), Error> {
        let Some(transcript) = Transcript::of(&self.recorder)? else {
            output::say("Nothing was recorded: the command came to no session");
            return Ok(());
        };
        replace(&self.file, &transcript.to_json()?)?;
        output::say(&format!("Recorded, without secrets, in {}", self.file.display()));
        if let Some(note) = transcript.note() {
            output::say(&format!("The transcript is {note}"));
        }
        Ok(())
    }
}

/// Whole or not at all, and for this user's eyes.
fn replace(file: &Path, text: &str) -> Result<(), Error> {
    let folder = match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let written = NamedTempFile::new_in(folder).and_then(|mut new| {
        new.write_all(text.as_bytes())?;
        new.as_file().sync_all()?;
        new.persist(file).map_err(|error| error.error)
    });
    written.map(drop).map_err(|error| {
        Error::new(
            Code::HostFault,
            format!("the transcript cannot be written to {}: {error}", file.display()),
            "choose another file with --record",
        )
    })
}
