//! Reading a line from the person without holding on to the keyboard.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tokio::sync::oneshot;

/// Whether hidden typing is hidden on this system.
pub(super) const CAN_HIDE: bool = cfg!(unix);

/// The next line; never comes where the input has ended. `ready` is called once
/// nothing that is typed is shown, where `hidden`: whoever answers at once is not
/// overheard.
pub(super) async fn line(hidden: bool, ready: impl FnOnce() + Send + 'static) -> String {
    let wanted = Wanted(Arc::new(AtomicBool::new(true)));
    let still_wanted = Arc::clone(&wanted.0);
    let (sender, receiver) = oneshot::channel();
    let reader = move || {
        if let Some(line) = system::read(hidden, ready, &|| still_wanted.load(Ordering::Acquire)) {
            // Nobody wants it any more: the other answer came first.
            let _ = sender.send(line);
        }
    };
    if thread::Builder::new().name("keyboard".to_owned()).spawn(reader).is_err() {
        return std::future::pending().await;
    }
    match receiver.await {
        Ok(line) => line,
        Err(_) => std::future::pending().await,
    }
}

/// Tells the reader when the wait is dropped.
struct Wanted(Arc<AtomicBool>);

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

#[cfg(unix)]
mod system {
    use std::io::stdin;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::termios::{
        LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
    };

    /// Between two looks whether anybody still waits.
    const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

    /// Far more than any address.
    const LONGEST: usize = 64 * 1024;

    const BACKSPACE: [u8; 2] = [0x08, 0x7f];
    const ERASE_LINE: u8 = 0x15;
    const END_OF_INPUT: u8 = 0x04;

    /// None where the input ended, or is no longer wanted.
    pub(super) fn read(
        hidden: bool,
        ready: impl FnOnce(),
        wanted: &dyn Fn() -> bool,
    ) -> Option<String> {
        let _quiet = if hidden { Quiet::begin() } else { None };
        ready();
        let mut line = Vec::new();
        while wanted() {
            let input = stdin();
            let mut ready = [PollFd::new(&input, PollFlags::IN)];
            if poll(&mut ready, Some(&LOOK)).ok()? == 0 {
                continue;
            }
            let mut bytes = [0; 4096];
            let count = rustix::io::read(&input, &mut bytes).ok().filter(|count| *count > 0)?;
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
        None
    }

    /// Nothing that is typed is shown, and a line may be longer than the 4096
    /// bytes that terminals cut it to. The keys that interrupt still do.
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

    /// Reads to the end of the line, wanted or not, and shows what is typed.
    pub(super) fn read(
        _hidden: bool,
        ready: impl FnOnce(),
        _wanted: &dyn Fn() -> bool,
    ) -> Option<String> {
        ready();
        let mut line = String::new();
        stdin().read_line(&mut line).ok().filter(|count| *count > 0)?;
        Some(line)
    }
}
