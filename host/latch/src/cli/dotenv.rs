//! `.env` in the current folder: may name the provider and the client, and nothing else.
//!
//! A checked-out folder must not decide what runs, so a command, a path or a trust setting
//! in it has no effect. Variables are not expanded either: `https://evil.example/$SECRET`
//! would leak the environment.
//!
//! The file belongs to another program, so a line is skipped unless it sets one of the
//! names that matter here.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;

use latchstring::{Code, Error};

const FILE: &str = ".env";

/// In bytes: far more than any real `.env`, but a folder may contain anything of that name.
const MAX_LENGTH: u64 = 1 << 20;

/// Variables that name the login, whatever the provider.
pub(crate) const PROVIDER: &str = "LATCH_PROVIDER";
pub(crate) const ISSUER: &str = "LATCH_ISSUER";
pub(crate) const CLIENT_ID: &str = "LATCH_CLIENT_ID";
pub(crate) const SCOPE: &str = "LATCH_SCOPE";

/// The variables that `.env` sets.
#[derive(Default)]
pub(crate) struct Dotenv {
    variables: BTreeMap<String, Assignment>,
    /// Why the file was not read, if it exists and was not.
    pub(crate) unread: Option<String>,
    /// The error of the first requested variable that cannot be parsed.
    misread: RefCell<Option<Error>>,
}

struct Assignment {
    line: usize,
    /// The error says what is wrong with the value, without quoting it.
    value: Result<String, &'static str>,
}

impl Dotenv {
    /// Reads the file in the current folder. Nothing in it is an error yet.
    pub(crate) fn read() -> Self {
        let unread = |reason: String| Self { unread: Some(reason), ..Self::default() };
        let length = match fs::metadata(FILE) {
            Ok(metadata) if metadata.is_file() => metadata.len(),
            Ok(_) => return Self::default(),
            Err(error) if error.kind() == ErrorKind::NotFound => return Self::default(),
            Err(error) => return unread(error.to_string()),
        };
        if length > MAX_LENGTH {
            return unread(format!("it has {length} bytes; at most {MAX_LENGTH} are read"));
        }
        match fs::read(FILE) {
            // A byte that is not UTF-8 makes only its own value invalid.
            Ok(bytes) => Self::parse(&String::from_utf8_lossy(&bytes)),
            Err(error) => unread(error.to_string()),
        }
    }

    fn parse(text: &str) -> Self {
        Self { variables: parse(text), ..Self::default() }
    }

    /// Returns the value of a variable, or `None` if it is not set or empty.
    ///
    /// Fails with `invalid-configuration` if it cannot be parsed. The error names the line.
    pub(crate) fn variable(&self, name: &str) -> Result<Option<String>, Error> {
        let Some(Assignment { line, value }) = self.variables.get(name) else { return Ok(None) };
        match value {
            Ok(value) => Ok(Some(value.clone())),
            Err(reason) => Err(Error::new(
                Code::InvalidConfiguration,
                format!("{name} in line {line} of the file .env in this folder {reason}"),
                format!("write {name}=value, or remove the line"),
            )),
        }
    }

    /// Returns the value of a variable like [`variable`](Self::variable), for callers that
    /// cannot handle an error: [`check`](Self::check) returns it later.
    pub(crate) fn lenient(&self, name: &str) -> Option<String> {
        self.variable(name).unwrap_or_else(|error| {
            self.misread.borrow_mut().get_or_insert(error);
            None
        })
    }

    /// Fails if [`lenient`](Self::lenient) found a variable that cannot be parsed.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.misread.take().map_or(Ok(()), Err)
    }

    /// Adds to `error` which line of this file set the variable.
    pub(crate) fn with_line(&self, name: &str, error: &Error) -> Error {
        let line = self.variables.get(name).map_or(0, |assignment| assignment.line);
        Error::new(
            error.code(),
            format!("{name} in line {line} of the file .env in this folder: {}", error.message()),
            error.remedy(),
        )
    }
}

/// Parses names and values as in common `.env` files: `NAME=value`, optionally after
/// `export`, optionally in quotes, which may span lines. Skips everything else. An empty
/// value sets nothing. Of two assignments, the last one counts.
fn parse(text: &str) -> BTreeMap<String, Assignment> {
    let lines: Vec<&str> = text.trim_start_matches('\u{feff}').lines().collect();
    let mut variables = BTreeMap::new();
    let mut next = 0;
    while let Some(line) = lines.get(next) {
        next += 1;
        let number = next;
        let Some((name, value)) = assignment(line) else { continue };
        let value = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                match quoted(&value[1..], quote, &lines[next..]) {
                    Some((value, more)) => {
                        next += more;
                        Ok(value)
                    }
                    // Only this line is invalid: the following lines still count.
                    None => Err("has an unclosed quote"),
                }
            }
            // A comment begins after a space: URLs may contain a #.
            _ => Ok(value.split_once(" #").map_or(value, |(value, _)| value.trim_end()).to_owned()),
        };
        let value = match value {
            Ok(value) if value.contains(char::REPLACEMENT_CHARACTER) => Err("is not UTF-8"),
            Ok(value) if value.is_empty() => continue,
            value => value,
        };
        variables.insert(name.to_owned(), Assignment { line: number, value });
    }
    variables
}

/// Returns the name and the text after `=`, if the line is an assignment.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=')?;
    let name = name.trim();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (!name.is_empty() && name.bytes().all(plain)).then_some((name, value.trim()))
}

/// Returns a quoted value and the number of further lines that it spans, or `None` if the
/// quote is never closed.
fn quoted(first: &str, quote: char, following: &[&str]) -> Option<(String, usize)> {
    let mut value = String::new();
    let lines = [first].into_iter().chain(following.iter().copied());
    for (count, line) in lines.enumerate() {
        if let Some((end, _)) = line.split_once(quote) {
            value.push_str(end);
            return Some((value, count));
        }
        value.push_str(line);
        value.push('\n');
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a(text: &str) -> Option<String> {
        Dotenv::parse(text).variable("A").expect("a value that can be parsed")
    }

    #[test]
    fn values_are_read_as_common_files_write_them() {
        for (text, value) in [
            ("A=b", "b"),
            ("export A = b c ", "b c"),
            ("A='b # c' # d", "b # c"),
            ("A=b#c # d", "b#c"),
            ("A=\"b\nc\"", "b\nc"),
            ("\u{feff}A=b\r\n", "b"),
            ("A=https://id.example/$HOME/${HOME}", "https://id.example/$HOME/${HOME}"),
            ("# A=a\n\nA=b", "b"),
            ("A=a\nA=b", "b"),
            ("B=\"c\nA=no\n\"\nA=b", "b"),
        ] {
            assert_eq!(a(text).as_deref(), Some(value), "{text}");
        }
        assert_eq!(a("A=\nB=''\n"), None);
        assert_eq!(a("B=\"c\nA=inside\n\""), None, "inside another value");
    }

    #[test]
    fn lines_that_set_nothing_relevant_are_skipped() {
        for line in [
            "hunter2 is no assignment",
            "export FOO",
            "set -a",
            "key: value",
            "MY VAR=1",
            "=x",
            "FOO=\"open",
            "FOO='open",
            "FOO=\u{fffd}",
            "\u{fffd}=x",
            "[section]",
        ] {
            assert_eq!(a(&format!("{line}\nA=b\n")).as_deref(), Some("b"), "{line}");
        }
    }

    #[test]
    fn an_error_in_a_value_names_the_line_and_does_not_quote_it() {
        for (text, line, words) in [
            ("B=c\n\nA=\"hunter2\nC=d", "line 3", "unclosed quote"),
            ("A=hunter2\u{fffd}", "line 1", "not UTF-8"),
        ] {
            let dotenv = Dotenv::parse(text);
            let error = dotenv.variable("A").expect_err(text);
            assert_eq!(error.code(), Code::InvalidConfiguration);
            for word in [line, words, ".env", "A"] {
                assert!(error.message().contains(word), "{error}");
            }
            assert!(!error.to_string().contains("hunter2"), "{error}");
            assert_eq!(dotenv.lenient("A"), None);
            assert!(dotenv.check().is_err() && dotenv.check().is_ok());
        }
    }
}
