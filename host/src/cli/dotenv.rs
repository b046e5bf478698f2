//! `.env` in the current folder: what names the login, and nothing else.
//!
//! A checked-out folder is not to be trusted with what runs, so a command, a
//! path or a trust setting found there has no effect. Nor is anything expanded:
//! `https://evil.example/$SECRET` would carry the environment away.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;

use latchstring::{Code, Error};

use super::profile::Profile;

const FILE: &str = ".env";

/// Far more than any such file; a folder may hold anything under this name.
const LONGEST: u64 = 1 << 20;

/// What `.env` says.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) profile: Profile,
    /// Every variable, for presets whose settings have variables of their own.
    pub(crate) variables: BTreeMap<String, String>,
}

/// The settings of `.env`; none where there is no such file.
pub(crate) fn read() -> Result<Found, Error> {
    let length = match fs::metadata(FILE) {
        Ok(metadata) if metadata.is_file() => metadata.len(),
        Ok(_) => return Ok(Found::default()),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::default()),
        Err(error) => return Err(unreadable(&error.to_string())),
    };
    if length > LONGEST {
        return Err(unreadable(&format!("it has {length} bytes; at most {LONGEST} are read")));
    }
    let text = fs::read_to_string(FILE).map_err(|error| unreadable(&error.to_string()))?;
    let mut profile = Profile::default();
    let mut variables = BTreeMap::new();
    for (name, value) in parse(&text).map_err(|reason| unreadable(&reason))? {
        match name {
            "LATCH_PROVIDER" => profile.provider = Some(value),
            "LATCH_ISSUER" => profile.issuer = Some(value),
            "LATCH_CLIENT_ID" => profile.client_id = Some(value),
            "LATCH_SCOPE" => {
                profile.scopes = Some(value.split_ascii_whitespace().map(str::to_owned).collect());
            }
            _ => drop(variables.insert(name.to_owned(), value)),
        }
    }
    Ok(Found { profile, variables })
}

/// Names and values, as common `.env` files write them: `NAME=value`, perhaps
/// after `export`, perhaps in quotes, which may span lines. An empty value is
/// none. The error names a line, never its words: they could be a secret.
fn parse(text: &str) -> Result<Vec<(&str, String)>, String> {
    let mut pairs = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let place = format!("line {}", number + 1);
        let line = line.trim().trim_start_matches('\u{feff}');
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line.split_once('=').ok_or(format!("{place} has no ="))?;
        let name = name.trim();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
        if name.is_empty() || !name.bytes().all(plain) {
            return Err(format!("{place} has no name before its ="));
        }
        let value = value.trim();
        let value = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                let mut quoted = value[1..].to_owned();
                while !quoted.contains(quote) {
                    let (_, more) = lines.next().ok_or(format!("{place} has an open quote"))?;
                    quoted.push('\n');
                    quoted.push_str(more);
                }
                quoted.truncate(quoted.find(quote).unwrap_or_default());
                quoted
            }
            // A comment begins after a space: addresses may hold a #.
            _ => value.split_once(" #").map_or(value, |(value, _)| value.trim_end()).to_owned(),
        };
        if !value.is_empty() {
            pairs.push((name, value));
        }
    }
    Ok(pairs)
}

fn unreadable(reason: &str) -> Error {
    Error::new(
        Code::InvalidConfiguration,
        format!("the file .env in this folder cannot be read: {reason}"),
        "write each line as NAME=value, or run the command in another folder",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

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
        ] {
            assert_eq!(parse(text), Ok(vec![("A", value.to_owned())]), "{text}");
        }
        assert_eq!(parse("A=\nA=''\n"), Ok(vec![]));
    }

    #[test]
    fn what_cannot_be_read_is_named_by_its_line_and_not_quoted() {
        for (text, reason) in [
            ("A=b\nhunter2", "line 2 has no ="),
            ("hunter 2=b", "line 1 has no name before its ="),
            ("A=b\n\nB=\"hunter2\nC=d", "line 3 has an open quote"),
        ] {
            assert_eq!(parse(text), Err(reason.to_owned()));
        }
    }
}
