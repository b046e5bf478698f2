//! Reads a line from the user in a way that can be cancelled.

pub(super) use system::{can_hide, line, restore};

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

    /// Returns whether typing can be hidden.
    pub(in super::super) fn can_hide() -> bool {
        true
    }

    const BACKSPACE: [u8; 2] = [0x08, 0x7f];
    const ERASE_LINE: u8 = 0x15;
    const END_OF_INPUT: u8 = 0x04;

    /// Returns the next line, or `None` if the input has ended or is not UTF-8. If
    /// `hidden`, typing is not shown from before `ready` is called.
    ///
    /// Dropping the future restores the terminal's modes at once and ends the thread that
    /// reads.
    pub(in super::super) async fn line(
        hidden: bool,
        ready: impl FnOnce(),
    ) -> Option<Zeroizing<String>> {
        let mut quiet = if hidden { HiddenTyping::begin() } else { None };
        ready();
        // Closed when this future is dropped.
        let (dropped, _wait) = pipe().ok()?;
        let (sender, line) = oneshot::channel();
        let reader = move || {
            let _ = sender.send(read(&dropped));
        };
        thread::Builder::new().name("keyboard".to_owned()).spawn(reader).ok()?;
        tokio::select! {
            line = line => line.ok()?,
            () = keep_hidden(quiet.as_mut()) => None,
        }
    }

    /// Keeps typing hidden. Never returns.
    async fn keep_hidden(quiet: Option<&mut HiddenTyping>) {
        match quiet {
            Some(quiet) => quiet.keep_hidden().await,
            None => pending().await,
        }
    }

    /// Reads a line. Returns `None` if the input has ended or is not UTF-8, or if the
    /// future was dropped.
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

    /// The terminal's modes before typing was hidden.
    static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

    fn before() -> MutexGuard<'static, Option<Termios>> {
        BEFORE.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows typing again if it is hidden.
    pub(in super::super) fn restore() {
        if let Some(modes) = before().take() {
            // An error means that the terminal is gone.
            let _ = tcsetattr(stdin(), OptionalActions::Now, &modes);
        }
    }

    /// Hides typing, and allows lines longer than the 4096 bytes that terminals cut them
    /// to. Keys such as Ctrl-C still work.
    struct HiddenTyping {
        modes: Termios,
        /// Notified when this program continues after a stop.
        continued: Signal,
    }

    impl HiddenTyping {
        /// Returns `None` if there is no terminal, or if typing is hidden already.
        fn begin() -> Option<Self> {
            // Before anything is shown, because the program may be stopped as soon as it
            // asks.
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

        /// Hides typing again whenever this program continues after a stop such as Ctrl-Z,
        /// because the shell has set other modes. Never returns.
        async fn keep_hidden(&mut self) {
            while self.continued.recv().await.is_some() {
                // An error means that the terminal is gone.
                let _ = tcsetattr(stdin(), OptionalActions::Now, &self.modes);
            }
            pending().await
        }
    }

    impl Drop for HiddenTyping {
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

#[cfg(target_os = "wasi")]
mod system {
    use std::sync::{Mutex, PoisonError};

    use wasip2::cli::stdin::get_stdin;
    use zeroize::Zeroizing;

    use crate::wasi::streams;

    /// What was typed after the end of the last line.
    static TYPED: Mutex<Vec<u8>> = Mutex::new(Vec::new());

    /// Returns whether typing can be hidden.
    pub(in super::super) fn can_hide() -> bool {
        false
    }

    /// Does nothing: WASI has no modes of a terminal.
    pub(in super::super) fn restore() {}

    /// Returns the next line, or `None` if the input has ended or is not UTF-8. Typing is
    /// shown in any case.
    pub(in super::super) async fn line(
        _hidden: bool,
        ready: impl FnOnce(),
    ) -> Option<Zeroizing<String>> {
        ready();
        let keyboard = get_stdin();
        loop {
            if let Some(line) = typed_line() {
                let line = Zeroizing::new(String::from_utf8(line).ok()?);
                return Some(Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned()));
            }
            let bytes = streams::read(&keyboard, 4096).await.ok()??;
            TYPED.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes);
        }
    }

    /// Returns the next line that was typed already, with its end.
    fn typed_line() -> Option<Vec<u8>> {
        let mut typed = TYPED.lock().unwrap_or_else(PoisonError::into_inner);
        let end = typed.iter().position(|byte| *byte == b'\n')?;
        Some(typed.drain(..=end).collect())
    }
}

#[cfg(windows)]
mod system {
    use std::io::stdin;
    use std::thread;

    use tokio::sync::oneshot;
    use zeroize::Zeroizing;

    use crate::windows::console::{Cancel, HiddenTyping, read_keys};
    pub(in super::super) use crate::windows::console::{can_hide, show_typing as restore};

    /// Returns the next line, or `None` if the input has ended or is not Unicode. If
    /// `hidden`, typing is not shown from before `ready` is called, on a console.
    ///
    /// Dropping the future shows typing again, and ends the thread that reads a hidden line.
    /// One that reads another line reads on to its end.
    pub(in super::super) async fn line(
        hidden: bool,
        ready: impl FnOnce(),
    ) -> Option<Zeroizing<String>> {
        let quiet = if hidden { HiddenTyping::begin() } else { None };
        ready();
        let cancel = Cancel::new().ok()?;
        let cancelled = cancel.try_clone().ok()?;
        let _cancels = CancelOnDrop(cancel);
        let reads_keys = quiet.is_some();
        let (sender, line) = oneshot::channel();
        let reader = move || {
            let _ = sender.send(match reads_keys {
                true => read_keys(&cancelled),
                false => read(),
            });
        };
        thread::Builder::new().name("keyboard".to_owned()).spawn(reader).ok()?;
        line.await.ok()?
    }

    struct CancelOnDrop(Cancel);

    impl Drop for CancelOnDrop {
        fn drop(&mut self) {
            self.0.cancel();
        }
    }

    fn read() -> Option<Zeroizing<String>> {
        let mut line = Zeroizing::new(String::new());
        stdin().read_line(&mut line).ok().filter(|count| *count > 0)?;
        Some(Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned()))
    }
}
