//! The terminal of a program whose standard input belongs to another program.

use std::time::Duration;

use latchstring::capability::terminal::{StderrTerminal, Terminal};

/// Shows messages on standard error, and asks nothing.
pub(super) struct Unattended(pub(super) StderrTerminal);

impl Terminal for Unattended {
    fn say(&self, text: &str) {
        self.0.say(text);
    }

    fn address(&self, url: &str) {
        self.0.address(url);
    }

    fn countdown(&self, what: &str, left: Duration) {
        self.0.countdown(what, left);
    }

    fn wait(&self, what: &str) {
        self.0.wait(what);
    }

    fn settle(&self) {
        self.0.settle();
    }

    fn is_attended(&self) -> bool {
        false
    }

    fn detail(&self, text: &str) {
        self.0.detail(text);
    }
}
