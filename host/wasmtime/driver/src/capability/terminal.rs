//! Talking to the person, on standard error: standard output belongs to scripts.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::time::Duration;

use async_trait::async_trait;
use wasip2::cli::{stdin, terminal_stderr, terminal_stdin};
use wasip2::io::streams::InputStream;

use crate::cli::streams::err;
use crate::error::printable;
use crate::wasi::streams;

/// Columns that a terminal has at least; WASI does not tell how many.
const WIDTH: usize = 80;

/// Where the person is told what happens.
#[async_trait(?Send)]
pub trait Terminal {
    /// One line, or a few.
    fn say(&self, text: &str);
    /// An address on a line of its own, whole however narrow the terminal is.
    fn address(&self, url: &str);
    /// Something waits for the person, and not for ever; called every second.
    fn countdown(&self, what: &str, left: Duration);
    /// Something takes a while, until the next call of any method here.
    fn wait(&self, what: &str);
    /// The wait is over.
    fn settle(&self);
    /// Whether somebody can read what is said, and answer.
    fn is_attended(&self) -> bool;
    /// Whether a picture of block characters, so many columns wide, can be seen.
    fn shows_pictures(&self, columns: usize) -> bool;
    /// What the person types after `question`, up to the end of a line. Waits for
    /// ever where nobody can be asked.
    async fn ask(&self, question: &str, hidden: bool) -> String;
    /// Whether [`ask`](Self::ask) can hide what is typed.
    fn hides_typing(&self) -> bool;
    /// A detail for whoever looks for a fault: never a secret.
    fn detail(&self, text: &str);
}

/// Ends what a terminal shows of a wait, however the wait ends.
pub(crate) struct Settled<'a>(pub(crate) &'a dyn Terminal);

impl Drop for Settled<'_> {
    fn drop(&mut self) {
        self.0.settle();
    }
}

/// Standard error: one line that changes and links on a terminal, plain lines
/// elsewhere.
pub struct StderrTerminal {
    verbose: bool,
    plain: bool,
    /// Whether the line that changes stands there.
    is_waiting: Cell<bool>,
    keyboard: InputStream,
    /// What was typed behind the last line's end.
    typed: RefCell<Vec<u8>>,
}

impl StderrTerminal {
    /// Shows details too where `verbose`, and nothing but lines where `plain`.
    pub(crate) fn new(verbose: bool, plain: bool) -> Self {
        Self {
            verbose,
            plain,
            is_waiting: Cell::default(),
            keyboard: stdin::get_stdin(),
            typed: RefCell::default(),
        }
    }

    /// Whether more than lines of text can be shown.
    fn is_rich(&self) -> bool {
        terminal_stderr::get_terminal_stderr().is_some() && !self.plain
    }

    /// The next line that is typed; waits for ever behind the last one.
    async fn line(&self) -> String {
        loop {
            let end = self.typed.borrow().iter().position(|byte| *byte == b'\n');
            if let Some(end) = end {
                let line: Vec<u8> = self.typed.borrow_mut().drain(..=end).collect();
                return String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
            }
            match streams::read(&self.keyboard, 4096).await {
                Ok(Some(bytes)) => self.typed.borrow_mut().extend(bytes),
                Ok(None) | Err(_) => pending().await,
            }
        }
    }
}

#[async_trait(?Send)]
impl Terminal for StderrTerminal {
    fn say(&self, text: &str) {
        self.settle();
        text.lines().for_each(|line| err(&format!("{}\n", printable(line))));
    }

    fn address(&self, url: &str) {
        if !self.is_rich() {
            return self.say(&format!("  {url}"));
        }
        self.settle();
        // The link holds the address whole where its text is broken into lines
        // (OSC 8). What could end it early is escaped.
        let url = printable(url);
        err(&format!("  \x1b]8;;{url}\x1b\\{url}\x1b]8;;\x1b\\\n"));
    }

    fn countdown(&self, what: &str, left: Duration) {
        let seconds = left.as_secs();
        if self.is_rich() {
            self.wait(&format!("{what}: {}:{:02} left", seconds / 60, seconds % 60));
        } else if self.plain && seconds.is_multiple_of(60) && seconds > 0 {
            self.say(&format!("{what}: {} min left", seconds / 60));
        }
    }

    fn wait(&self, what: &str) {
        if self.is_rich() {
            err(&format!("\r\x1b[K({})", printable(what)));
            self.is_waiting.set(true);
        } else if self.plain && self.is_attended() {
            self.say(&format!("({what})"));
        }
    }

    fn settle(&self) {
        if self.is_waiting.replace(false) {
            err("\r\x1b[K");
        }
    }

    fn is_attended(&self) -> bool {
        terminal_stderr::get_terminal_stderr().is_some()
            && terminal_stdin::get_terminal_stdin().is_some()
    }

    fn shows_pictures(&self, columns: usize) -> bool {
        self.is_attended() && self.is_rich() && columns <= WIDTH
    }

    async fn ask(&self, question: &str, _hidden: bool) -> String {
        if !self.is_attended() {
            return pending().await;
        }
        if !question.is_empty() {
            self.say(question);
        }
        self.line().await
    }

    fn hides_typing(&self) -> bool {
        false
    }

    fn detail(&self, text: &str) {
        if self.verbose {
            self.say(text);
        }
    }
}
