//! Reading a line from the user without holding on to the keyboard.

pub(super) use system::line;

/// Whether hidden typing is hidden on this system.
pub(super) const CAN_HIDE: bool = cfg!(unix);

#[cfg(unix)]
mod system {
    use std::io::{PipeReader, pipe, stdin};
    use std::thread;

    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::io::retry_on_intr;
    use rustix::termios::{
        LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
    };
    use tokio::sync::oneshot;

    /// Longest line, in bytes: far more than any address.
    const LONGEST: usize = 64 * 1024;

    const BACKSPACE: [u8; 2] = [0x08, 0x7f];
    const ERASE_LINE: u8 = 0x15;
    const END_OF_INPUT: u8 = 0x04;

    /// Returns the next line, or None if the input has ended. If `hidden`, nothing
    /// that is typed is shown from before `ready` is called.
    ///
    /// Dropping the wait restores the terminal's modes at once, and ends the thread
    /// that reads.
    pub(in super::super) async fn line(hidden: bool, ready: impl FnOnce()) -> Option<String> {
        let _quiet = if hidden { Quiet::begin() } else { None };
        ready();
        // Closed when this wait is dropped.
        let (dropped, _wait) = pipe().ok()?;
        let (sender, line) = oneshot::channel();
        let reader = move || {
            let _ = sender.send(read(&dropped));
        };
        thread::Builder::new().name("keyboard".to_owned()).spawn(reader).ok()?;
        line.await.ok()?
    }

    /// Returns None if the input has ended, or the wait was dropped.
    fn read(dropped: &PipeReader) -> Option<String> {
        let mut line = Vec::new();
        loop {
            let input = stdin();
            let mut waited =
                [PollFd::new(&input, PollFlags::IN), PollFd::new(dropped, PollFlags::IN)];
            retry_on_intr(|| poll(&mut waited, None)).ok()?;
            if !waited[1].revents().is_empty() {
                return None;
            }
            let mut bytes = [0; 4096];
            let count = retry_on_intr(|| rustix::io::read(&input, &mut bytes)).ok();
            let count = count.filter(|count| *count > 0)?;
            for &byte in &bytes[..count] {
                match byte {
                    b'\n' | b'\r' => return Some(String::from_utf8_lossy(&line).into_owned()),
                    END_OF_INPUT => return None,
                    ERASE_LINE => line.clear(),
                    byte if BACKSPACE.contains(&byte) => drop(line.pop()),
                    byte if line.len() < LONGEST => line.push(byte),
                    _ => {}
                }
            }
        }
    }

    /// Shows nothing that is typed, and lets a line be longer than the 4096 bytes
    /// that terminals cut it to. The keys that interrupt still do.
    struct Quiet(Termios);

    impl Quiet {
        fn begin() -> Option<Self> {
            let before = tcgetattr(stdin()).ok()?;
            let mut quiet = before.clone();
            quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON);
            quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
            quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
            tcsetattr(stdin(), OptionalActions::Now, &quiet).ok()?;
            Some(Self(before))
        }
    }

    impl Drop for Quiet {
        fn drop(&mut self) {
            // A terminal that is gone shows nothing anyway.
            let _ = tcsetattr(stdin(), OptionalActions::Now, &self.0);
        }
    }
}

#[cfg(not(unix))]
mod system {
    use std::io::stdin;
    use std::thread;

    use tokio::sync::oneshot;

    /// Returns the next line, or None if the input has ended. If `hidden`, nothing
    /// that is typed is shown.
    ///
    /// A wait that is dropped goes on reading to the end of the line.
    pub(in super::super) async fn line(hidden: bool, ready: impl FnOnce()) -> Option<String> {
        ready();
        let (sender, line) = oneshot::channel();
        let reader = move || {
            let _ = sender.send(read(hidden));
        };
        thread::Builder::new().name("keyboard".to_owned()).spawn(reader).ok()?;
        line.await.ok()?
    }

    fn read(hidden: bool) -> Option<String> {
        #[cfg(windows)]
        if hidden {
            return rpassword::read_password().ok();
        }
        let _ = hidden;
        let mut line = String::new();
        stdin().read_line(&mut line).ok().filter(|count| *count > 0)?;
        Some(line)
    }
}
