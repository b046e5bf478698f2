//! Reading a line from the user without holding on to the keyboard.

pub(super) use system::{line, restore};

/// Whether hidden typing is hidden on this system.
pub(super) const CAN_HIDE: bool = cfg!(unix);

#[cfg(unix)]
mod system {
    use std::future::pending;
    use std::io::{PipeReader, pipe, stdin};
    use std::sync::{Mutex, MutexGuard, PoisonError};
    use std::thread;

    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::io::retry_on_intr;
    use rustix::termios::{
        LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
    };
    use tokio::signal::unix::{Signal, SignalKind, signal};
    use tokio::sync::oneshot;
    use zeroize::Zeroizing;

    /// Longest line, in bytes: far more than any address.
    const LONGEST: usize = 64 * 1024;

    const BACKSPACE: [u8; 2] = [0x08, 0x7f];
    const ERASE_LINE: u8 = 0x15;
    const END_OF_INPUT: u8 = 0x04;

    /// Returns the next line, or None if the input has ended or is not UTF-8. If
    /// `hidden`, nothing that is typed is shown from before `ready` is called.
    ///
    /// Dropping the wait restores the terminal's modes at once, and ends the thread
    /// that reads.
    pub(in super::super) async fn line(
        hidden: bool,
        ready: impl FnOnce(),
    ) -> Option<Zeroizing<String>> {
        let mut quiet = if hidden { Quiet::begin() } else { None };
        ready();
        // Closed when this wait is dropped.
        let (dropped, _wait) = pipe().ok()?;
        let (sender, line) = oneshot::channel();
        let reader = move || {
            let _ = sender.send(read(&dropped));
        };
        thread::Builder::new().name("keyboard".to_owned()).spawn(reader).ok()?;
        tokio::select! {
            line = line => line.ok()?,
            () = stay_quiet(quiet.as_mut()) => None,
        }
    }

    /// Never returns.
    async fn stay_quiet(quiet: Option<&mut Quiet>) {
        match quiet {
            Some(quiet) => quiet.stay().await,
            None => pending().await,
        }
    }

    /// Returns None if the input has ended or is not UTF-8, or the wait was dropped.
    fn read(dropped: &PipeReader) -> Option<Zeroizing<String>> {
        let mut line = Zeroizing::new(Vec::with_capacity(LONGEST));
        let mut bytes = Zeroizing::new([0; 4096]);
        loop {
            let input = stdin();
            let mut waited =
                [PollFd::new(&input, PollFlags::IN), PollFd::new(dropped, PollFlags::IN)];
            retry_on_intr(|| poll(&mut waited, None)).ok()?;
            if !waited[1].revents().is_empty() {
                return None;
            }
            let count = retry_on_intr(|| rustix::io::read(&input, &mut bytes[..])).ok();
            let count = count.filter(|count| *count > 0)?;
            for &byte in &bytes[..count] {
                match byte {
                    b'\n' | b'\r' => {
                        return Some(Zeroizing::new(str::from_utf8(&line).ok()?.to_owned()));
                    }
                    END_OF_INPUT => return None,
                    ERASE_LINE => line.clear(),
                    byte if BACKSPACE.contains(&byte) => erase_character(&mut line),
                    byte if line.len() < LONGEST => line.push(byte),
                    _ => {}
                }
            }
        }
    }

    /// Removes the last character, which may be several bytes of UTF-8.
    fn erase_character(line: &mut Vec<u8>) {
        while line.pop().is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000) {}
    }

    /// The terminal's modes from before typing was hidden.
    static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

    fn before() -> MutexGuard<'static, Option<Termios>> {
        BEFORE.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows what is typed again, if it is hidden.
    pub(in super::super) fn restore() {
        if let Some(modes) = before().take() {
            // A terminal that is gone shows nothing anyway.
            let _ = tcsetattr(stdin(), OptionalActions::Now, &modes);
        }
    }

    /// Shows nothing that is typed, and lets a line be longer than the 4096 bytes
    /// that terminals cut it to. The keys that interrupt still do.
    struct Quiet {
        modes: Termios,
        /// Told each time this program goes on after a stop.
        continued: Signal,
    }

    impl Quiet {
        /// Returns None if there is no terminal, or something else hides typing.
        fn begin() -> Option<Self> {
            // Before anything is shown: the program may be stopped as soon as it asks.
            let continued = signal(SignalKind::from_raw(libc::SIGCONT)).ok()?;
            let mut before = before();
            if before.is_some() {
                return None;
            }
            let modes = tcgetattr(stdin()).ok()?;
            let mut quiet = modes.clone();
            quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON);
            quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
            quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
            tcsetattr(stdin(), OptionalActions::Now, &quiet).ok()?;
            *before = Some(modes);
            Some(Self { modes: quiet, continued })
        }

        /// Hides typing again each time this program goes on after a stop, as by
        /// Ctrl-Z: the shell has set modes of its own meanwhile. Never returns.
        async fn stay(&mut self) {
            while self.continued.recv().await.is_some() {
                // As in `restore`.
                let _ = tcsetattr(stdin(), OptionalActions::Now, &self.modes);
            }
            pending().await
        }
    }

    impl Drop for Quiet {
        fn drop(&mut self) {
            restore();
        }
    }

    #[test]
    fn a_character_is_erased_whole() {
        for (typed, left) in [("aÄ", "a"), ("a€", "a"), ("ab", "a"), ("a", ""), ("", "")] {
            let mut line = typed.as_bytes().to_vec();
            erase_character(&mut line);
            assert_eq!(line, left.as_bytes(), "{typed}");
        }
    }
}

#[cfg(not(unix))]
mod system {
    use std::io::stdin;
    use std::thread;

    use tokio::sync::oneshot;
    use zeroize::Zeroizing;

    /// Nothing to do: a line is hidden by whatever reads it.
    pub(in super::super) fn restore() {}

    /// Returns the next line, or None if the input has ended. If `hidden`, nothing
    /// that is typed is shown.
    ///
    /// A wait that is dropped goes on reading to the end of the line.
    pub(in super::super) async fn line(
        hidden: bool,
        ready: impl FnOnce(),
    ) -> Option<Zeroizing<String>> {
        ready();
        let (sender, line) = oneshot::channel();
        let reader = move || {
            let _ = sender.send(read(hidden));
        };
        thread::Builder::new().name("keyboard".to_owned()).spawn(reader).ok()?;
        line.await.ok()?
    }

    fn read(hidden: bool) -> Option<Zeroizing<String>> {
        #[cfg(windows)]
        if hidden {
            return rpassword::read_password().ok().map(Zeroizing::new);
        }
        let _ = hidden;
        let mut line = Zeroizing::new(String::new());
        stdin().read_line(&mut line).ok().filter(|count| *count > 0)?;
        Some(line)
    }
}
