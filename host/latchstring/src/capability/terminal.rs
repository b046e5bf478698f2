//! Talking to the person, on standard error: standard output belongs to scripts.

use std::env;
use std::io::{IsTerminal as _, Write as _, stderr, stdin};
use std::time::Duration;

use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::error::printable;

mod keyboard;
mod spinner;

use spinner::Spinner;

/// Where the person is told what happens.
#[async_trait]
pub trait Terminal: Send + Sync {
    /// One line, or a few.
    fn say(&self, text: &str);

    /// An address on a line of its own, whole however narrow the terminal is.
    fn address(&self, url: &str) {
        self.say(&format!("  {url}"));
    }

    /// Something waits for the person, and not for ever; called every second.
    fn countdown(&self, what: &str, left: Duration) {
        self.wait(&remaining(what, left));
    }

    /// Something takes a while; said once, or shown as long as it lasts, until
    /// the next call of any method here.
    fn wait(&self, what: &str);

    /// The wait is over.
    fn settle(&self);

    /// Whether somebody can read what is said, and answer.
    fn is_attended(&self) -> bool {
        true
    }

    /// Whether a picture of block characters, so many columns wide, can be seen.
    fn shows_pictures(&self, _columns: usize) -> bool {
        false
    }

    /// What the person types after `question`, up to the end of a line. Where
    /// `hidden` it is not shown, from before the question is. Waits for ever where
    /// nobody can be asked.
    ///
    /// Dropping the wait restores the terminal's modes.
    async fn ask(&self, _question: &str, _hidden: bool) -> String {
        std::future::pending().await
    }

    /// What becomes of hidden typing, in words.
    fn discretion(&self) -> &'static str {
        "it is not displayed"
    }

    /// A detail for whoever looks for a fault: never a secret.
    fn detail(&self, text: &str);
}

/// Standard error: links on a terminal, and with the feature `spinner` a spinner;
/// plain lines elsewhere.
#[derive(Default)]
pub struct StderrTerminal {
    verbose: bool,
    plain: bool,
    spinner: Spinner,
}

impl StderrTerminal {
    /// Shows details too where `verbose`.
    pub fn new(verbose: bool) -> Self {
        Self { verbose, plain: false, spinner: Spinner::default() }
    }

    /// Nothing but lines of text, also on a terminal: for screen readers, and for
    /// terminals that know no more.
    pub fn plain(mut self, plain: bool) -> Self {
        self.plain = plain;
        self
    }

    /// Asks `question` and returns the line that the user types, which is not
    /// shown. Returns None if the input has ended or is not UTF-8.
    ///
    /// Dropping the wait restores the terminal's modes.
    pub async fn ask_secret(&self, question: &str) -> Option<Zeroizing<String>> {
        self.settle();
        keyboard::line(true, || print(question)).await
    }

    /// Restores the terminal's modes if typing is hidden: for a program that ends
    /// without dropping what waits, as in a panic hook.
    pub fn restore_modes() {
        keyboard::restore();
    }

    /// Whether more than lines of text can be shown.
    fn is_rich(&self) -> bool {
        let is_dumb = env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
        stderr().is_terminal() && !self.plain && !is_dumb
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
        // The link holds the address whole where its text is broken into lines
        // (OSC 8). What could end it early is escaped.
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
            return self.say(&format!("({what})"));
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
        // The first that is set decides (POSIX.1-2017 §8.2).
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

    fn discretion(&self) -> &'static str {
        match keyboard::CAN_HIDE {
            true => "it is not displayed",
            false => "it is displayed as you type",
        }
    }

    fn detail(&self, text: &str) {
        if self.verbose {
            self.say(text);
        }
    }
}

/// Ends what a terminal shows of a wait, however the wait ends.
pub(crate) struct Settled<'a>(pub(crate) &'a dyn Terminal);

impl Drop for Settled<'_> {
    fn drop(&mut self) {
        self.0.settle();
    }
}

fn print(text: &str) {
    let mut stderr = stderr().lock();
    for line in text.lines() {
        // A closed standard error is nobody's failure.
        let _ = writeln!(stderr, "{}", printable(line));
    }
}

fn remaining(what: &str, left: Duration) -> String {
    let seconds = left.as_secs();
    format!("{what}: {}:{:02} left", seconds / 60, seconds % 60)
}

/// Columns of the terminal; what old ones had where that cannot be told.
fn width() -> usize {
    #[cfg(unix)]
    if let Ok(size) = rustix::termios::tcgetwinsize(stderr())
        && size.ws_col > 0
    {
        return usize::from(size.ws_col);
    }
    80
}

/// An interrupted program leaves no spinner behind.
impl Drop for StderrTerminal {
    fn drop(&mut self) {
        self.settle();
    }
}

/// Says nothing: for embedders that speak for themselves.
#[derive(Debug, Default, Clone, Copy)]
pub struct Silence;

#[async_trait]
impl Terminal for Silence {
    fn say(&self, _text: &str) {}
    fn wait(&self, _what: &str) {}
    fn settle(&self) {}
    fn detail(&self, _text: &str) {}
}
