//! Messages and questions to the user, on standard error: standard output is for scripts.

use std::env;
use std::io::{IsTerminal as _, Write as _, stderr, stdin};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
#[cfg(not(target_os = "wasi"))]
pub(crate) use latchstring_core::capability::terminal::Settled;
use latchstring_core::capability::terminal::remaining;
pub use latchstring_core::capability::terminal::{Silence, Terminal};
use zeroize::Zeroizing;

use crate::error::printable;

mod keyboard;
mod spinner;

use spinner::Spinner;

/// Writes to standard error: links on a terminal, and with the feature `spinner` a spinner;
/// plain lines if it is no terminal.
#[derive(Default)]
pub struct StderrTerminal {
    verbose: bool,
    plain: bool,
    spinner: Spinner,
    /// What a line of plain text said last about a wait.
    waited_for: Mutex<String>,
}

impl StderrTerminal {
    /// Creates a terminal that also shows details if `verbose`.
    pub fn new(verbose: bool) -> Self {
        Self { verbose, plain: false, spinner: Spinner::default(), waited_for: Mutex::default() }
    }

    /// Sets whether to write only lines of text even on a terminal: for screen readers, and
    /// for terminals that support no more.
    pub fn plain(mut self, plain: bool) -> Self {
        self.plain = plain;
        self
    }

    /// Asks `question` and returns the line that the user types, which is not shown, or
    /// `None` if the input has ended or is not UTF-8.
    ///
    /// Dropping the future restores the terminal's modes.
    pub async fn ask_secret(&self, question: &str) -> Option<Zeroizing<String>> {
        self.settle();
        keyboard::line(true, || print(question)).await
    }

    /// Asks `question` and returns the line that the user types, or `None` if the input has
    /// ended or is not UTF-8.
    pub async fn ask_line(&self, question: &str) -> Option<Zeroizing<String>> {
        self.settle();
        keyboard::line(false, || print(question)).await
    }

    /// Restores the terminal's modes if typing is hidden. For a program that ends without
    /// dropping its futures, as in a panic hook.
    pub fn restore_modes() {
        keyboard::restore();
    }

    /// Returns whether more than lines of text can be shown.
    fn is_rich(&self) -> bool {
        let is_dumb = env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
        stderr().is_terminal() && !self.plain && !is_dumb && understands_sequences()
    }
}

#[async_trait]
impl Terminal for StderrTerminal {
    fn say(&self, text: &str) {
        self.settle();
        print(text);
    }

    fn address(&self, url: &str) {
        if !self.is_rich() {
            return self.say(&format!("  {url}"));
        }
        self.settle();
        // The link has the whole address even if its text is broken into lines (OSC 8).
        // Characters that could end it early are escaped.
        let url = printable(url);
        let _ = writeln!(stderr().lock(), "  \x1b]8;;{url}\x1b\\{url}\x1b]8;;\x1b\\");
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
        if self.plain && stderr().is_terminal() {
            let mut last = self.waited_for.lock().unwrap_or_else(PoisonError::into_inner);
            if *last != what {
                what.clone_into(&mut last);
                self.say(&format!("({what})"));
            }
            return;
        }
        if self.is_rich() {
            self.spinner.turn(printable(what));
        }
    }

    fn settle(&self) {
        self.spinner.clear();
    }

    fn is_attended(&self) -> bool {
        stderr().is_terminal() && stdin().is_terminal()
    }

    fn shows_pictures(&self, columns: usize) -> bool {
        let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        // The first one that is set decides (POSIX.1-2017 §8.2).
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set);
        let locale = locale.unwrap_or_default().to_lowercase();
        let has_blocks = !cfg!(unix) || locale.contains("utf-8") || locale.contains("utf8");
        self.is_attended() && self.is_rich() && has_blocks && width() >= columns
    }

    async fn ask(&self, question: &str, hidden: bool) -> String {
        if !self.is_attended() {
            return std::future::pending().await;
        }
        self.settle();
        match keyboard::line(hidden, || print(question)).await {
            Some(mut line) => std::mem::take(&mut *line),
            None => std::future::pending().await,
        }
    }

    fn hides_typing(&self) -> bool {
        keyboard::can_hide()
    }

    fn detail(&self, text: &str) {
        if self.verbose {
            self.say(text);
        }
    }
}

fn print(text: &str) {
    let mut stderr = stderr().lock();
    for line in text.lines() {
        // Writing fails if standard error is closed, which is no error.
        let _ = writeln!(stderr, "{}", printable(line));
    }
}

/// Returns whether the terminal understands more than text. Where one may not, the system
/// can be asked.
fn understands_sequences() -> bool {
    #[cfg(windows)]
    return crate::windows::console::understands_sequences();
    #[cfg(not(windows))]
    true
}

/// Returns the terminal's width in columns, or 80 if it is unknown.
fn width() -> usize {
    #[cfg(unix)]
    if let Ok(size) = rustix::termios::tcgetwinsize(stderr())
        && size.ws_col > 0
    {
        return usize::from(size.ws_col);
    }
    #[cfg(windows)]
    if let Some(width) = crate::windows::console::width() {
        return width;
    }
    80
}

/// Removes the spinner of an interrupted program.
impl Drop for StderrTerminal {
    fn drop(&mut self) {
        self.settle();
    }
}
