//! Talking to the person, on standard error: standard output belongs to scripts.

use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
pub use latchstring_core::capability::terminal::Terminal;
use latchstring_core::capability::terminal::remaining;
use wasip2::cli::{stdin, terminal_stderr, terminal_stdin};
use wasip2::io::streams::InputStream;

use crate::cli::streams::err;
use crate::error::printable;
use crate::wasi::streams;

/// Columns that a terminal has at least; WASI does not tell how many.
const WIDTH: usize = 80;

/// Standard error: one line that changes and links on a terminal, plain lines
/// elsewhere.
pub struct StderrTerminal {
    verbose: bool,
    plain: bool,
    /// Whether the line that changes stands there.
    is_waiting: AtomicBool,
    keyboard: InputStream,
    /// What was typed behind the last line's end.
    typed: Mutex<Vec<u8>>,
}

impl StderrTerminal {
    /// Shows details too where `verbose`, and nothing but lines where `plain`.
    pub(crate) fn new(verbose: bool, plain: bool) -> Self {
        Self {
            verbose,
            plain,
            is_waiting: AtomicBool::default(),
            keyboard: stdin::get_stdin(),
            typed: Mutex::default(),
        }
    }

    /// Whether more than lines of text can be shown.
    fn is_rich(&self) -> bool {
        terminal_stderr::get_terminal_stderr().is_some() && !self.plain
    }

    /// The next line that was typed already, with its end.
    fn typed_line(&self) -> Option<Vec<u8>> {
        let mut typed = self.typed.lock().unwrap_or_else(PoisonError::into_inner);
        let end = typed.iter().position(|byte| *byte == b'\n')?;
        Some(typed.drain(..=end).collect())
    }

    /// The next line that is typed; waits for ever behind the last one.
    async fn line(&self) -> String {
        loop {
            if let Some(line) = self.typed_line() {
                return String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
            }
            match streams::read(&self.keyboard, 4096).await {
                Ok(Some(bytes)) => {
                    self.typed.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes);
                }
                Ok(None) | Err(_) => pending().await,
            }
        }
    }
}

#[async_trait]
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
            self.wait(&remaining(what, left));
        } else if self.plain && seconds.is_multiple_of(60) && seconds > 0 {
            self.say(&format!("{what}: {} min left", seconds / 60));
        }
    }

    fn wait(&self, what: &str) {
        if self.is_rich() {
            err(&format!("\r\x1b[K({})", printable(what)));
            self.is_waiting.store(true, Ordering::Relaxed);
        } else if self.plain && self.is_attended() {
            self.say(&format!("({what})"));
        }
    }

    fn settle(&self) {
        if self.is_waiting.swap(false, Ordering::Relaxed) {
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
