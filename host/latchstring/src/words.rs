//! Command lines as words: what a user writes, and what a user is told to run.

/// Returns the words of a command line, or `None` if a quote is not closed.
///
/// They are split as a POSIX shell would, with quotes and backslashes but without expansion.
/// On Windows, where a backslash is part of a path, they are split as programs there split
/// their command lines.
#[cfg(not(target_os = "wasi"))]
pub fn split(line: &str) -> Option<Vec<String>> {
    #[cfg(windows)]
    return Some(crate::windows::words::split(line));
    #[cfg(not(windows))]
    shlex::split(line)
}

/// Returns the words as one line for a shell, or `None` if one of them cannot be quoted.
///
/// On Windows, the line is for cmd, PowerShell and Git Bash alike.
pub fn join<'a>(words: impl IntoIterator<Item = &'a str>) -> Option<String> {
    #[cfg(windows)]
    return words
        .into_iter()
        .map(quote_for_windows)
        .collect::<Option<Vec<_>>>()
        .map(|words| words.join(" "));
    #[cfg(not(windows))]
    shlex::try_join(words).ok()
}

/// Returns one word as [`join`] writes it.
pub fn quote(word: &str) -> Option<String> {
    join([word])
}

/// Returns the word in double quotes if it needs any, which all three shells have. What one
/// of them expands inside of them cannot be quoted for all.
#[cfg(any(windows, test))]
fn quote_for_windows(word: &str) -> Option<String> {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:=+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return Some(word.to_owned());
    }
    let is_expanded = |c: char| matches!(c, '"' | '$' | '`' | '%' | '!') || c.is_control();
    let can_be_quoted = !word.contains(is_expanded) && !word.ends_with('\\');
    can_be_quoted.then(|| format!("\"{word}\""))
}

#[cfg(test)]
mod tests {
    use super::quote_for_windows;

    #[test]
    fn a_word_means_the_same_to_cmd_powershell_and_git_bash() {
        for (word, quoted) in [
            ("latch", Some("latch")),
            ("--scope", Some("--scope")),
            ("https://id.example/a", Some("https://id.example/a")),
            ("https://id.example/?a&b", Some("\"https://id.example/?a&b\"")),
            (r"C:\Users\Ada Lovelace\x", Some("\"C:\\Users\\Ada Lovelace\\x\"")),
            ("", Some("\"\"")),
            ("a\"b", None),
            ("%PATH%", None),
            ("$x", None),
            ("a\nb", None),
        ] {
            assert_eq!(quote_for_windows(word).as_deref(), quoted, "{word}");
        }
    }
}
