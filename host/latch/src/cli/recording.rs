//! `--record FILE`: writes a transcript of the command's session.

use std::io::Write as _;
use std::path::Path;

use latchstring::{Code, Error, Recorder, Transcript, files};

use super::args::Global;
use super::output;

/// Starts recording this command's session if the user asked for it.
pub(crate) fn begin(global: &mut Global) {
    global.recording.recorder = global.recording.file.as_ref().map(|_| Recorder::new());
}

/// Writes the transcript, whether the command succeeded or failed.
pub(crate) fn end(global: &Global) {
    if let (Some(file), Some(recorder)) = (&global.recording.file, &global.recording.recorder)
        && let Err(error) = write(file, recorder)
    {
        output::report(&error, global.json);
    }
}

fn write(file: &Path, recorder: &Recorder) -> Result<(), Error> {
    let Some(transcript) = Transcript::of(recorder)? else {
        output::say("Nothing was recorded: the command started no session");
        return Ok(());
    };
    replace(file, &transcript.to_json()?)?;
    output::say(&format!("Recorded, without secrets, in {}", file.display()));
    if let Some(note) = transcript.note() {
        output::say(&format!("The recording is {note}"));
    }
    Ok(())
}

/// Replaces the file atomically. Only this user can read it.
fn replace(file: &Path, text: &str) -> Result<(), Error> {
    files::replace(file, |new| new.write_all(text.as_bytes())).map_err(|error| {
        Error::new(
            Code::HostFault,
            format!("the recording cannot be written to {}: {error}", file.display()),
            "choose another file with --record",
        )
    })
}
