//! The console of this process.

use std::fs::File;
use std::io;
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _};
use std::ptr::null;
use std::sync::{Mutex, PoisonError};

use windows_sys::Win32::Foundation::{HANDLE, WAIT_OBJECT_0};
use windows_sys::Win32::System::Console::{
    CONSOLE_MODE, CONSOLE_SCREEN_BUFFER_INFO, ENABLE_ECHO_INPUT, ENABLE_LINE_INPUT,
    ENABLE_PROCESSED_OUTPUT, ENABLE_VIRTUAL_TERMINAL_PROCESSING, GetConsoleMode,
    GetConsoleScreenBufferInfo, INPUT_RECORD, KEY_EVENT, ReadConsoleInputW, SetConsoleMode,
};
use windows_sys::Win32::System::Threading::{
    CreateEventW, INFINITE, SetEvent, WaitForMultipleObjects,
};
use zeroize::Zeroizing;

/// Longest line, in UTF-16 units: far more than any address.
const LONGEST: usize = 64 * 1024;

/// The key Alt: a character that was typed by its number comes when Alt is let go.
const ALT: u16 = 0x12;

const BACKSPACE: u16 = 0x08;
const ERASE_LINE: u16 = 0x15;
/// Ctrl-Z and Ctrl-D.
const END_OF_INPUT: [u16; 2] = [0x1a, 0x04];
const ENTER: [u16; 2] = [0x0d, 0x0a];

fn mode(handle: HANDLE) -> Option<CONSOLE_MODE> {
    let mut mode = 0;
    // SAFETY: the mode is written. A handle that is no console is an error.
    (unsafe { GetConsoleMode(handle, &mut mode) } != 0).then_some(mode)
}

/// Returns whether standard error understands escape sequences, such as links. Consoles do
/// once they are told to. A terminal that is no console, such as that of Git Bash, does.
pub(crate) fn understands_sequences() -> bool {
    let handle = io::stderr().as_raw_handle();
    let wanted = ENABLE_PROCESSED_OUTPUT | ENABLE_VIRTUAL_TERMINAL_PROCESSING;
    match mode(handle) {
        Some(mode) if mode & wanted == wanted => true,
        // SAFETY: the handle is a console.
        Some(mode) => unsafe { SetConsoleMode(handle, mode | wanted) != 0 },
        None => true,
    }
}

/// Returns the width of the window of standard error in columns, or `None` if it has none.
pub(crate) fn width() -> Option<usize> {
    // SAFETY: zeros are valid for these numbers, and the call writes them.
    let info = unsafe {
        let mut info: CONSOLE_SCREEN_BUFFER_INFO = std::mem::zeroed();
        let found = GetConsoleScreenBufferInfo(io::stderr().as_raw_handle(), &mut info) != 0;
        found.then_some(info)
    }?;
    usize::try_from(info.srWindow.Right - info.srWindow.Left + 1).ok()
}

/// Returns whether standard input is a console, where typing can be hidden.
pub(crate) fn can_hide() -> bool {
    mode(io::stdin().as_raw_handle()).is_some()
}

/// The mode of standard input before typing was hidden.
static BEFORE: Mutex<Option<CONSOLE_MODE>> = Mutex::new(None);

/// Shows typing again if it is hidden.
pub(crate) fn show_typing() {
    if let Some(mode) = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take() {
        // SAFETY: the handle was a console. An error means that it is gone.
        unsafe { SetConsoleMode(io::stdin().as_raw_handle(), mode) };
    }
}

/// Hides typing until it is dropped. Keys such as Ctrl-C still work.
pub(crate) struct HiddenTyping(());

impl HiddenTyping {
    /// Returns `None` if there is no console, or if typing is hidden already.
    pub(crate) fn begin() -> Option<Self> {
        let mut before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
        if before.is_some() {
            return None;
        }
        let handle = io::stdin().as_raw_handle();
        let shown = mode(handle)?;
        let hidden = shown & !(ENABLE_ECHO_INPUT | ENABLE_LINE_INPUT);
        // SAFETY: the handle is a console.
        if unsafe { SetConsoleMode(handle, hidden) } == 0 {
            return None;
        }
        *before = Some(shown);
        Some(Self(()))
    }
}

impl Drop for HiddenTyping {
    fn drop(&mut self) {
        show_typing();
    }
}

/// Ends a [`read_keys`] in another thread.
pub(crate) struct Cancel(File);

impl Cancel {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: null is allowed for all that is not set, and the handle is owned from here.
        unsafe {
            let event = CreateEventW(null(), 1, 0, null());
            match event.is_null() {
                true => Err(io::Error::last_os_error()),
                // A file is what owns a handle and can be shared with a thread.
                false => Ok(Self(File::from_raw_handle(event))),
            }
        }
    }

    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        self.0.try_clone().map(Self)
    }

    pub(crate) fn cancel(&self) {
        // SAFETY: the event is open.
        unsafe { SetEvent(self.0.as_raw_handle()) };
    }
}

/// Reads a line from the keys of the console. Returns `None` if the input has ended, or if
/// it was cancelled.
pub(crate) fn read_keys(cancel: &Cancel) -> Option<Zeroizing<String>> {
    let keyboard = io::stdin().as_raw_handle();
    let handles = [keyboard, cancel.0.as_raw_handle()];
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST));
    loop {
        // SAFETY: both handles are open.
        let woken = unsafe { WaitForMultipleObjects(2, handles.as_ptr(), 0, INFINITE) };
        if woken != WAIT_OBJECT_0 {
            return None;
        }
        // SAFETY: zeros are valid for these numbers, and the call writes at most one record.
        let record = unsafe {
            let mut record: INPUT_RECORD = std::mem::zeroed();
            let mut count = 0;
            let read = ReadConsoleInputW(keyboard, &mut record, 1, &mut count);
            (read != 0).then_some(record).filter(|_| count == 1)
        }?;
        if u32::from(record.EventType) != KEY_EVENT {
            continue;
        }
        // SAFETY: the record says that it has a key, and a key has a character.
        let (key, unit) =
            unsafe { (record.Event.KeyEvent, record.Event.KeyEvent.uChar.UnicodeChar) };
        let is_typed = key.bKeyDown != 0 || key.wVirtualKeyCode == ALT;
        if !is_typed || unit == 0 {
            continue;
        }
        for _ in 0..key.wRepeatCount.max(1) {
            match unit {
                unit if ENTER.contains(&unit) => {
                    return String::from_utf16(&line).ok().map(Zeroizing::new);
                }
                unit if END_OF_INPUT.contains(&unit) => return None,
                ERASE_LINE => line.clear(),
                BACKSPACE => erase_character(&mut line),
                unit if line.len() < LONGEST => line.push(unit),
                _ => {}
            }
        }
    }
}

/// Removes the last character, which may be two units of UTF-16.
fn erase_character(line: &mut Vec<u16>) {
    let is_second_half = |unit: u16| (0xdc00..0xe000).contains(&unit);
    if line.pop().is_some_and(is_second_half) {
        line.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::erase_character;

    #[test]
    fn a_character_is_erased_whole() {
        for (typed, left) in [("aÄ", "a"), ("a\u{1f511}", "a"), ("ab", "a"), ("a", ""), ("", "")] {
            let mut line = typed.encode_utf16().collect();
            erase_character(&mut line);
            assert_eq!(String::from_utf16_lossy(&line), left, "{typed}");
        }
    }
}
