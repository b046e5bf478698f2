//! `latch help`: about a command, or a page about a subject.

use std::env;
use std::io::{Seek as _, Write as _, stdout};
use std::process::Command;

use clap::CommandFactory as _;
use latchstring::{Code, Error, printable, words};

use super::child;
use crate::cli::args::{Args, Global, HelpArgs};
use crate::cli::table::Table;
use crate::cli::{manual, output, style};

/// Columns of a page that is written to a file or a pipe.
const WIDTH: usize = 80;
/// Most columns: longer lines are hard to read.
const WIDEST: usize = 100;

pub(crate) async fn run(global: &Global, args: &HelpArgs) -> Result<(), Error> {
    let words: Vec<&str> = args.words.iter().map(String::as_str).collect();
    if let [name] = words[..]
        && let Some(page) = manual::page(name)
    {
        return show(page.markdown, global.plain).await;
    }
    let mut command = Args::command();
    command.build();
    let about =
        words.iter().try_fold(&mut command, |command, word| command.find_subcommand_mut(word));
    let Some(about) = about else { return Err(unknown(&words.join(" "))) };
    // A closed standard output is no failure.
    if words.is_empty() {
        let _ = about.print_help();
        return output::write(
            format!("\nPages, for latch help PAGE:\n{}", manual::list()).as_bytes(),
        );
    }
    let _ = about.print_long_help();
    Ok(())
}

fn unknown(name: &str) -> Error {
    let pages: Vec<&str> = manual::PAGES.iter().map(|page| page.name).collect();
    Error::new(
        Code::InvalidConfiguration,
        format!("there is no command or page {}", printable(name)),
        format!("latch --help lists the commands; the pages are {}", pages.join(", ")),
    )
}

/// Shows a page in the user's pager if there is a terminal.
async fn show(markdown: &str, is_plain: bool) -> Result<(), Error> {
    let columns = Table::for_stdout().columns();
    let width = columns.map_or(WIDTH, |columns| columns.min(WIDEST));
    let text = manual::render(markdown, width, style::shows_on(&stdout()));
    match columns.is_none() || is_plain || !paged(&text).await {
        true => output::write(text.as_bytes()),
        false => Ok(()),
    }
}

/// Shows text in the pager until the user quits it. Returns whether there is one. `less` gets
/// the options that git gives it: it quits by itself if the text fits on the screen.
async fn paged(text: &str) -> bool {
    let named = env::var("PAGER").ok().filter(|pager| !pager.is_empty());
    let words = words::split(named.as_deref().unwrap_or("less")).unwrap_or_default();
    let Some((program, arguments)) = words.split_first() else { return false };
    // It reads a file: a pipe would have to be written to while it waits for the user.
    let Ok(mut page) = tempfile::tempfile() else { return false };
    if page.write_all(text.as_bytes()).and_then(|()| page.rewind()).is_err() {
        return false;
    }
    let mut pager = Command::new(program);
    pager.args(arguments).stdin(page);
    if env::var_os("LESS").is_none() {
        pager.env("LESS", "FRX");
    }
    child::run(pager).await.is_ok_and(|status| status.success())
}
