//! `latch replay`: step the component through a transcript.

use std::path::Path;

use latchstring::{Code, Error, Replay, Transcript, printable};
use serde_json::json;

use crate::cli::args::{Global, ReplayArgs};
use crate::cli::{exit, output, streams};

/// One byte more than a transcript may have: enough to see that a file is too long.
const READ_LIMIT: u64 = (16 << 20) + 1;

/// Returns the exit code.
pub(crate) fn run(global: &Global, args: &ReplayArgs) -> Result<u8, Error> {
    let mut code = 0;
    for file in &args.files {
        let transcript = Transcript::parse(&read(file)?)?;
        let replay = transcript.replay()?;
        if replay.difference.is_some() {
            code = exit::DIFFERENT;
        }
        if args.files.len() > 1 && !global.json {
            output::line(&printable(&format!("{}:", file.display())))?;
        }
        if global.json {
            output::document(&document(&transcript, &replay))?;
        } else {
            print(&transcript, &replay)?;
        }
    }
    Ok(code)
}

fn read(file: &Path) -> Result<Vec<u8>, Error> {
    streams::read(file, READ_LIMIT).map_err(|error| {
        Error::new(
            Code::HostFault,
            format!("{} cannot be read: {error}", file.display()),
            "pass a file that `latch --record` wrote",
        )
    })
}

/// A transcript may come from anyone, so every line of it is escaped.
fn print(transcript: &Transcript, replay: &Replay) -> Result<(), Error> {
    let line = |text: &str| output::line(&printable(text));
    line(&transcript.title())?;
    if let Some(failure) = transcript.opening_failure() {
        line(&format!("  {failure}"))?;
    }
    let begun_ms = replay.steps.first().map_or(0, |step| step.now_ms);
    for (position, step) in replay.steps.iter().enumerate() {
        let seconds = step.now_ms.saturating_sub(begun_ms) as f64 / 1000.0;
        line(&format!("{:>3} {seconds:>9.3} s  {}", position + 1, step.reply))?;
        line(&format!("{:>17}{}", "-> ", step.answer))?;
    }
    if let Some(note) = transcript.note() {
        line(&format!("The recording is {note}"))?;
    }
    if !replay.same_component {
        output::say("It was recorded with another version of the component");
    }
    match &replay.difference {
        None => line("Everything is as it was recorded"),
        Some(difference) => line(&format!("Not as recorded, {difference}")),
    }
}

fn document(transcript: &Transcript, replay: &Replay) -> serde_json::Value {
    let steps = replay.steps.iter().map(|step| {
        json!({
            "now_ms": step.now_ms,
            "reply": step.reply,
            "answer": step.answer,
            "as_recorded": step.is_as_recorded,
        })
    });
    json!({
        "session": transcript.title(),
        "same_component": replay.same_component,
        "note": transcript.note(),
        "opening_failure": transcript.opening_failure(),
        "steps": steps.collect::<Vec<_>>(),
        "difference": replay.difference,
        "as_recorded": replay.difference.is_none(),
    })
}
