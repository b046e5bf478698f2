//! Messages and questions to the user.

use std::time::Duration;

use async_trait::async_trait;

/// Shows the user what happens, and asks questions.
#[async_trait]
pub trait Terminal: Send + Sync {
    /// Shows one or more lines.
    fn say(&self, text: &str);

    /// Shows an address on a separate line, never cut off.
    fn address(&self, url: &str) {
        self.say(&format!("  {url}"));
    }

    /// Shows that `what` waits for the user, and for how long. Called every second.
    fn countdown(&self, what: &str, left: Duration) {
        self.wait(&remaining(what, left));
    }

    /// Shows that something takes a while: once, or until the next call of any method here.
    fn wait(&self, what: &str);

    /// Ends what `wait` shows.
    fn settle(&self);

    /// Returns whether a user can read messages and answer.
    fn is_attended(&self) -> bool {
        true
    }

    /// Returns whether a picture of block characters, `columns` wide, can be shown.
    fn shows_pictures(&self, _columns: usize) -> bool {
        false
    }

    /// Asks `question` and returns the line that the user types. If `hidden`, typing is not
    /// shown, from before the question appears. Waits forever if no user can be asked.
    ///
    /// Dropping the future restores the terminal's modes.
    async fn ask(&self, _question: &str, _hidden: bool) -> String {
        std::future::pending().await
    }

    /// Returns whether [`ask`](Self::ask) can hide what is typed.
    fn hides_typing(&self) -> bool {
        true
    }

    /// Shows a detail for troubleshooting. Never a secret.
    fn detail(&self, text: &str);
}

/// Shows nothing: for embedders that show their own messages.
#[derive(Debug, Default, Clone, Copy)]
pub struct Silence;

#[async_trait]
impl Terminal for Silence {
    fn say(&self, _text: &str) {}
    fn wait(&self, _what: &str) {}
    fn settle(&self) {}
    fn detail(&self, _text: &str) {}
}

/// Ends what a terminal shows of a wait, in every case.
pub struct Settled<'a>(pub &'a dyn Terminal);

impl Drop for Settled<'_> {
    fn drop(&mut self) {
        self.0.settle();
    }
}

/// Returns the text of a countdown.
pub fn remaining(what: &str, left: Duration) -> String {
    let seconds = left.as_secs();
    format!("{what}: {}:{:02} left", seconds / 60, seconds % 60)
}
