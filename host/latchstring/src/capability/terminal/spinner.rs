//! A spinner on a terminal while something takes time.

pub(super) use system::Spinner;

#[cfg(feature = "spinner")]
mod system {
    use std::sync::{Mutex, PoisonError};
    use std::time::Duration;

    use indicatif::{ProgressBar, ProgressStyle};

    #[derive(Default)]
    pub(in super::super) struct Spinner(Mutex<Option<ProgressBar>>);

    impl Spinner {
        /// Shows the spinner with `text`.
        pub(in super::super) fn turn(&self, text: String) {
            let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(bar) = current.as_ref() {
                return bar.set_message(text);
            }
            let bar = ProgressBar::new_spinner().with_message(text);
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(100));
            *current = Some(bar);
        }

        pub(in super::super) fn clear(&self) {
            if let Some(bar) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
                bar.finish_and_clear();
            }
        }
    }
}

#[cfg(not(feature = "spinner"))]
mod system {
    use std::io::{Write as _, stderr};
    use std::sync::atomic::{AtomicBool, Ordering};

    /// A line that does not turn.
    #[derive(Default)]
    pub(in super::super) struct Spinner(AtomicBool);

    impl Spinner {
        /// Shows `text` on the current line.
        pub(in super::super) fn turn(&self, text: String) {
            let _ = write!(stderr().lock(), "\r\x1b[K({text})");
            self.0.store(true, Ordering::Relaxed);
        }

        pub(in super::super) fn clear(&self) {
            if self.0.swap(false, Ordering::Relaxed) {
                let _ = write!(stderr().lock(), "\r\x1b[K");
            }
        }
    }
}
