//! `latch profile edit`: the settings in the user's editor.

use std::env;
use std::io;
use std::path::Path;
use std::process::Command;

use latchstring::capability::terminal::{StderrTerminal, Terminal as _};
use latchstring::{Code, Error, secret_variables, words};
use tempfile::TempDir;

use super::check;
use crate::cli::args::Global;
use crate::cli::config::{self, Config};
use crate::cli::output;

const USUAL_EDITOR: &str = if cfg!(windows) { "notepad" } else { "vi" };

/// Opens a copy of `config.toml`, and puts it in the file's place if its settings can work.
/// On a terminal, offers to correct those that cannot.
pub(super) async fn edit(global: &Global) -> Result<(), Error> {
    let folder = global.config_dir.as_deref();
    let before = Config::text(folder)?;
    // For this user alone, as the settings are.
    let copy = TempDir::with_prefix("latchstring-").map_err(|error| unusable(&error))?;
    let file = copy.path().join("config.toml");
    std::fs::write(&file, &before).map_err(|error| unusable(&error))?;
    loop {
        open(&file)?;
        let after = std::fs::read_to_string(&file).map_err(|error| unusable(&error))?;
        if after == before {
            output::say("Nothing was changed");
            return Ok(());
        }
        match Config::replace(folder, &before, &after, check).await {
            Ok(()) => {
                let path = config::path_in(folder)?;
                output::say(&format!("Saved the settings in {}", path.display()));
                return Ok(());
            }
            Err(error) if error.code() == Code::InvalidConfiguration => {
                let terminal = StderrTerminal::new(global.verbose).plain(global.plain);
                if !terminal.is_attended() {
                    return Err(error);
                }
                output::report(&error, global.json);
                let answer = terminal.ask_line("Edit again? [Y/n]").await;
                if answer.is_none_or(|answer| answer.trim().eq_ignore_ascii_case("n")) {
                    return Err(not_saved());
                }
            }
            Err(error) => return Err(error),
        }
    }
}

/// Runs the editor that the user has chosen, and waits for its end. It gets no secret.
fn open(file: &Path) -> Result<(), Error> {
    let named = ["VISUAL", "EDITOR"].iter().find_map(|name| {
        let line = env::var(name).ok()?;
        (!line.trim().is_empty()).then_some(line)
    });
    let line = named.unwrap_or_else(|| USUAL_EDITOR.to_owned());
    let words = words::split(&line).unwrap_or_default();
    let failed = |reason: &str| {
        Error::new(
            Code::InvalidConfiguration,
            format!("the editor {line} {reason}"),
            "name an editor in EDITOR, such as: EDITOR=nano",
        )
    };
    let (program, arguments) = words.split_first().ok_or_else(|| failed("is no command"))?;
    let mut editor = Command::new(program);
    editor.args(arguments).arg(file);
    for name in secret_variables::ALL {
        editor.env_remove(name);
    }
    match editor.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(failed(&format!("ended with {status}, so nothing was changed"))),
        Err(error) => Err(failed(&format!("cannot be started: {error}"))),
    }
}

fn not_saved() -> Error {
    Error::new(
        Code::InvalidConfiguration,
        "the settings are as they were",
        "edit them again with: latch profile edit",
    )
}

fn unusable(error: &io::Error) -> Error {
    Error::new(
        Code::HostFault,
        format!("the settings cannot be copied for the editor: {error}"),
        "set TMPDIR to a folder that you can write to",
    )
}
