//! A program at a terminal, and a person who types.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use nix::pty::{OpenptyResult, Winsize, openpty};

use super::{PATIENCE, Run};

/// A pseudo-terminal with a program on it.
pub(crate) struct Tty {
    child: Child,
    keyboard: File,
    screen: Arc<Screen>,
}

#[derive(Default)]
struct Screen {
    text: Mutex<String>,
    changed: Condvar,
}

impl Tty {
    /// Starts the program on a terminal of 120 columns, whose three streams are
    /// all the terminal's.
    pub(crate) fn start(mut command: Command) -> Self {
        let size = Winsize { ws_row: 40, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 };
        let OpenptyResult { master, slave } = openpty(Some(&size), None).expect("a terminal");
        let stream = || slave.try_clone().expect("one more handle");
        let child = command
            .stdin(stream())
            .stdout(stream())
            .stderr(stream())
            .spawn()
            .expect("the program starts");
        drop(slave);
        // Its own handles would keep the terminal open after the program's end.
        drop(command);
        let mut output = File::from(master);
        let keyboard = output.try_clone().expect("one more handle");
        let screen = Arc::new(Screen::default());
        let shown = Arc::clone(&screen);
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            // Linux reports the end as an error.
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                let mut text = shown.text.lock().expect("a screen");
                text.push_str(&String::from_utf8_lossy(&bytes[..count]).replace('\r', ""));
                shown.changed.notify_all();
            }
        });
        Self { child, keyboard, screen }
    }

    /// What has been shown once it holds `words`.
    #[track_caller]
    pub(crate) fn until(&self, words: &str) -> String {
        let text = self.screen.text.lock().expect("a screen");
        let (text, late) = self
            .screen
            .changed
            .wait_timeout_while(text, PATIENCE, |text| !text.contains(words))
            .expect("a screen");
        assert!(!late.timed_out(), "{words:?} was not shown: {text}");
        text.clone()
    }

    /// Types a line.
    pub(crate) fn types(&mut self, line: &str) {
        self.keyboard.write_all(line.as_bytes()).expect("a keyboard");
        self.keyboard.write_all(b"\n").expect("a keyboard");
    }

    /// Forgets what has been shown so far.
    pub(crate) fn clear(&self) {
        self.screen.text.lock().expect("a screen").clear();
    }

    /// Waits for the program's end.
    pub(crate) fn finish(mut self) -> Run {
        let status = self.child.wait().expect("an end");
        let stderr = self.screen.text.lock().expect("a screen").clone();
        Run { code: status.code().unwrap_or(-1), stdout: String::new(), stderr }
    }
}

/// A test that ends early leaves nobody waiting.
impl Drop for Tty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
