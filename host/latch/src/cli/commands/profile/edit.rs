//! `latch profile edit`: the settings in the user's editor.

use std::env;
use std::io;
use std::path::Path;
use std::process::Command;

use latchstring::capability::terminal::{StderrTerminal, Terminal as _};
use latchstring::{Code, Error, printable, words};
use tempfile::TempDir;

use super::check;
use crate::cli::args::Global;
use crate::cli::commands::child;
use crate::cli::config::{self, Config};
use crate::cli::output;

const USUAL_EDITOR: &str = if cfg!(windows) { "notepad" } else { "vi" };

/// Opens a copy of `config.toml`, and puts it in the file's place if its settings can work.
/// On a terminal, offers to correct those that cannot. What is not saved stays in the copy.
pub(super) async fn edit(global: &Global) -> Result<(), Error> {
    let folder = global.config_dir.as_deref();
    let before = Config::text(folder)?;
    // For this user alone, as the settings are.
    let copy = TempDir::with_prefix("latchstring-").map_err(|error| unusable(&error))?;
    let file = copy.path().join("config.toml");
    std::fs::write(&file, &before).map_err(|error| unusable(&error))?;
    let saved = edit_copy(global, &before, &file).await;
    if saved.is_err() && std::fs::read_to_string(&file).is_ok_and(|after| after != before) {
        let _ = copy.keep();
        output::say(&format!("What you have written is in {}", file.display()));
    }
    saved
}

async fn edit_copy(global: &Global, before: &str, file: &Path) -> Result<(), Error> {
    let folder = global.config_dir.as_deref();
    loop {
        open(file).await?;
        let after = std::fs::read_to_string(file).map_err(|error| unusable(&error))?;
        if after == before {
            output::say("Nothing was changed");
            return Ok(());
        }
        match Config::replace(folder, before, &after, check).await {
            Ok(()) => {
                let path = config::path_in(folder)?;
                output::say(&format!("Saved the settings in {}", path.display()));
                return Ok(());
            }
            Err(error) if !wants_to_correct(global, &error).await => return Err(error),
            Err(_) => {}
        }
    }
}

async fn wants_to_correct(global: &Global, error: &Error) -> bool {
    let terminal = StderrTerminal::new(global.verbose).plain(global.plain);
    if error.code() != Code::InvalidConfiguration || !terminal.is_attended() {
        return false;
    }
    terminal.say(&format!("This cannot be saved: {}", error.message()));
    let answer = terminal.ask_line("Edit again? [Y/n]").await;
    answer.is_some_and(|answer| !answer.trim().eq_ignore_ascii_case("n"))
}

/// Runs the editor that the user has chosen, and waits for its end.
async fn open(file: &Path) -> Result<(), Error> {
    let named = ["VISUAL", "EDITOR"].iter().find_map(|name| {
        let line = env::var(name).ok()?;
        (!line.trim().is_empty()).then_some(line)
    });
    let is_attended = StderrTerminal::default().is_attended();
    let line = named.or_else(|| is_attended.then(|| USUAL_EDITOR.to_owned())).ok_or_else(|| {
        Error::new(
            Code::InvalidConfiguration,
            "there is no terminal for an editor",
            "run this on a terminal, or name an editor with its own window in EDITOR",
        )
    })?;
    let words = words::split(&line).unwrap_or_default();
    let failed = |reason: &str| {
        Error::new(
            Code::InvalidConfiguration,
            format!("the editor {} {reason}", printable(&line)),
            "name an editor in EDITOR, such as: EDITOR=nano",
        )
    };
    let (program, arguments) = words.split_first().ok_or_else(|| failed("is no command"))?;
    let mut editor = Command::new(child::found(program.as_ref()));
    editor.args(arguments).arg(file);
    match child::run(editor).await {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(failed(&format!("ended with {status}, so nothing was saved"))),
        Err(error) => Err(failed(&format!("cannot be started: {error}"))),
    }
}

fn unusable(error: &io::Error) -> Error {
    Error::new(
        Code::HostFault,
        format!("the settings cannot be copied for the editor: {error}"),
        "set TMPDIR to a folder that you can write to",
    )
}
