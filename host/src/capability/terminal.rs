//! Talking to the person, on standard error: standard output belongs to scripts.

use std::io::{IsTerminal as _, Write as _, stderr};
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::error::printable;

/// Where the person is told what happens.
pub trait Terminal: Send + Sync {
    /// One line, or a few.
    fn say(&self, text: &str);

    /// Something takes a while; said once, or shown as long as it lasts, until
    /// the next call of any method here.
    fn wait(&self, what: &str);

    /// The wait is over.
    fn settle(&self);

    /// A detail for whoever looks for a fault: never a secret.
    fn detail(&self, text: &str);
}

/// Standard error: a spinner on a terminal, plain lines elsewhere.
#[derive(Default)]
pub struct StderrTerminal {
    verbose: bool,
    spinner: Mutex<Option<ProgressBar>>,
}

impl StderrTerminal {
    /// Shows details too where `verbose`.
    pub fn new(verbose: bool) -> Self {
        Self { verbose, spinner: Mutex::default() }
    }

    fn replace(&self, spinner: Option<ProgressBar>) {
        if let Ok(mut current) = self.spinner.lock()
            && let Some(old) = std::mem::replace(&mut *current, spinner)
        {
            old.finish_and_clear();
        }
    }
}

impl Terminal for StderrTerminal {
    fn say(&self, text: &str) {
        self.settle();
        let mut stderr = stderr().lock();
        for line in text.lines() {
            // A closed standard error is nobody's failure.
            let _ = writeln!(stderr, "{}", printable(line));
        }
    }

    fn wait(&self, what: &str) {
        if !stderr().is_terminal() {
            return;
        }
        let spinner = ProgressBar::new_spinner().with_message(printable(what));
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            spinner.set_style(style);
        }
        spinner.enable_steady_tick(Duration::from_millis(100));
        self.replace(Some(spinner));
    }

    fn settle(&self) {
        self.replace(None);
    }

    fn detail(&self, text: &str) {
        if self.verbose {
            self.say(text);
        }
    }
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

impl Terminal for Silence {
    fn say(&self, _text: &str) {}
    fn wait(&self, _what: &str) {}
    fn settle(&self) {}
    fn detail(&self, _text: &str) {}
}
