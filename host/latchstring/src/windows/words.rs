//! Command lines, by the rules of Windows.

use windows_sys::Win32::Foundation::LocalFree;
use windows_sys::Win32::UI::Shell::CommandLineToArgvW;

/// Returns the words of a command line, as a program gets them: double quotes keep a word
/// together, and a backslash is a backslash. Returns none if there is none.
pub(crate) fn split(line: &str) -> Vec<String> {
    // For an empty line, Windows returns the path of this program.
    if line.trim().is_empty() {
        return Vec::new();
    }
    let line: Vec<u16> = line.trim().encode_utf16().chain([0]).collect();
    let mut count = 0;
    // SAFETY: the line ends with a zero, and the count is written.
    let words = unsafe { CommandLineToArgvW(line.as_ptr(), &mut count) };
    if words.is_null() {
        return Vec::new();
    }
    // SAFETY: there are `count` words that end with a zero, which nobody has freed.
    unsafe {
        let copies = (0..usize::try_from(count).unwrap_or_default()).map(|index| {
            let word = *words.add(index);
            let length = (0..).take_while(|&index| *word.add(index) != 0).count();
            String::from_utf16_lossy(std::slice::from_raw_parts(word, length))
        });
        let copies = copies.collect();
        LocalFree(words.cast());
        copies
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn words_are_split_as_windows_splits_them() {
        for (line, words) in [
            (r"C:\Tools\b.exe", &[r"C:\Tools\b.exe"][..]),
            (
                r#""C:\Program Files\b.exe" --new "a b" c\d"#,
                &[r"C:\Program Files\b.exe", "--new", "a b", r"c\d"],
            ),
            ("  firefox   -x ", &["firefox", "-x"]),
            ("", &[]),
            ("   ", &[]),
        ] {
            assert_eq!(split(line), words, "{line}");
        }
    }
}
