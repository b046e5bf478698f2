//! `--record FILE`: the transcript of the command's session.

use std::io::Write as _;
use std::path::Path;

use latchstring::{Code, Error, Recorder, Transcript};
use tempfile::NamedTempFile;

use super::args::Global;
use super::output;

/// Records this command's session where the person wants it.
pub(crate) fn begin(global: &mut Global) {
    global.recording.recorder = global.recording.file.as_ref().map(|_| Recorder::new());
}

/// Writes what was recorded, whatever came of the command.
pub(crate) fn end(global: &Global) {
    if let (Some(file), Some(recorder)) = (&global.recording.file, &global.recording.recorder)
        && let Err(error) = write(file, recorder)
    {
        output::report(&error, global.json);
    }
}

fn write(file: &Path, recorder: &Recorder) -> Result<(), Error> {
    let Some(transcript) = Transcript::of(recorder)? else {
        output::say("Nothing was recorded: the command came to no session");
        return Ok(());
    };
    replace(file, &transcript.to_json()?)?;
    output::say(&format!("Recorded, without secrets, in {}", file.display()));
    if let Some(note) = transcript.note() {
        output::say(&format!("The transcript is {note}"));
    }
    Ok(())
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
