//! A program at a terminal, and a user who types.

use std::fs::File;
use std::io::{Error, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};

use nix::libc;
use nix::pty::{OpenptyResult, Winsize, openpty};
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd::setsid;

use crate::{PATIENCE, Run};

/// A pseudo-terminal with a program on it.
pub struct Tty {
    child: Child,
    keyboard: File,
    screen: Arc<Screen>,
    reader: Option<JoinHandle<()>>,
    /// Keeps the terminal as it is beyond the program's end, as a shell does.
    terminal: Option<OwnedFd>,
}

#[derive(Default)]
struct Screen {
    text: Mutex<String>,
    changed: Condvar,
}

impl Tty {
    /// Starts the program as the leader of a new session with this terminal, whose
    /// modes `change` sets and whose keys send signals. SIGHUP has its default action
    /// again, in case the tests were started by nohup.
    pub fn lead(mut command: Command, change: impl FnOnce(&mut Termios)) -> Self {
        // SAFETY: all three calls may be made between fork and exec.
        unsafe {
            command.pre_exec(|| {
                signal(Signal::SIGHUP, SigHandler::SigDfl)?;
                setsid()?;
                match libc::ioctl(0, libc::TIOCSCTTY as _, 0) {
                    0 => Ok(()),
                    _ => Err(Error::last_os_error()),
                }
            });
        }
        Self::with(command, 120, change)
    }

    /// Starts the program on a terminal of 120 columns, whose three streams are
    /// all the terminal's.
    pub fn start(command: Command) -> Self {
        Self::wide(command, 120)
    }

    /// As [`start`](Self::start), with another number of columns.
    pub fn wide(command: Command, columns: u16) -> Self {
        Self::with(command, columns, |_| {})
    }

    fn with(mut command: Command, columns: u16, change: impl FnOnce(&mut Termios)) -> Self {
        let size = Winsize { ws_row: 40, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let OpenptyResult { master, slave } = openpty(Some(&size), None).expect("a terminal");
        let mut modes = tcgetattr(&slave).expect("its modes");
        change(&mut modes);
        tcsetattr(&slave, SetArg::TCSANOW, &modes).expect("its modes");
        let stream = || slave.try_clone().expect("one more handle");
        let child = command
            .stdin(stream())
            .stdout(stream())
            .stderr(stream())
            .spawn()
            .expect("the program starts");
        // Its own handles would keep the terminal open after the program's end.
        drop(command);
        let mut output = File::from(master);
        let keyboard = output.try_clone().expect("one more handle");
        let screen = Arc::new(Screen::default());
        let shown = Arc::clone(&screen);
        let reader = thread::spawn(move || {
            let mut bytes = [0; 4096];
            // Linux reports the end as an error.
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                let mut text = shown.text.lock().expect("a screen");
                text.push_str(&String::from_utf8_lossy(&bytes[..count]).replace('\r', ""));
                shown.changed.notify_all();
            }
        });
        Self { child, keyboard, screen, reader: Some(reader), terminal: Some(slave) }
    }

    /// What has been shown once it holds `words`.
    #[track_caller]
    pub fn until(&self, words: &str) -> String {
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
    pub fn types(&mut self, line: &str) {
        self.keyboard.write_all(line.as_bytes()).expect("a keyboard");
        self.keyboard.write_all(b"\n").expect("a keyboard");
    }

    /// Presses one key.
    pub fn presses(&mut self, key: u8) {
        self.keyboard.write_all(&[key]).expect("a keyboard");
    }

    /// What has been shown so far.
    pub fn shown(&self) -> String {
        self.screen.text.lock().expect("a screen").clone()
    }

    /// The terminal's modes, also when the program has ended.
    pub fn modes(&self) -> Termios {
        tcgetattr(self.terminal.as_ref().expect("a terminal")).expect("its modes")
    }

    /// Changes the terminal's modes under the program.
    pub fn change_modes(&self, change: impl FnOnce(&mut Termios)) {
        let mut modes = self.modes();
        change(&mut modes);
        let terminal = self.terminal.as_ref().expect("a terminal");
        tcsetattr(terminal, SetArg::TCSANOW, &modes).expect("its modes");
    }

    /// The process, as the system numbers it.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the program's end, and returns its exit code.
    pub fn wait(&mut self) -> Option<i32> {
        self.child.wait().expect("an end").code()
    }

    /// Tells the programs on the terminal that it is gone, as the system does if its window
    /// closes.
    pub fn hang_up(&self) {
        let group = nix::unistd::Pid::from_raw(-self.id().cast_signed());
        nix::sys::signal::kill(group, Signal::SIGHUP).expect("a signal");
    }

    /// Forgets what has been shown so far.
    pub fn clear(&self) {
        self.screen.text.lock().expect("a screen").clear();
    }

    /// Waits for the program's end.
    pub fn finish(mut self) -> Run {
        let status = self.child.wait().expect("an end");
        // With nobody left on the terminal, the screen gets what is still to come.
        self.terminal = None;
        if let Some(reader) = self.reader.take() {
            reader.join().expect("a screen");
        }
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
