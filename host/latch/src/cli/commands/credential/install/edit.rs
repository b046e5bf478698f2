//! Changes to files of other programs.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use latchstring::{Code, Error, files, printable};

use crate::cli::config;

/// A file before and after. `before` is `None` if there is no file.
pub(super) struct Edit {
    pub(super) path: PathBuf,
    pub(super) before: Option<String>,
    /// Empty for a file that was not there before and shall not be afterwards.
    pub(super) after: String,
    is_executable: bool,
}

impl Edit {
    pub(super) fn of(
        path: PathBuf,
        change: impl FnOnce(&str) -> Result<String, Error>,
    ) -> Result<Self, Error> {
        let before = read(&path)?;
        let after = change(before.as_deref().unwrap_or_default())?;
        Ok(Self { path, before, after, is_executable: false })
    }

    /// Makes the file a program that its owner can run.
    pub(super) fn executable(self) -> Self {
        Self { is_executable: true, ..self }
    }

    /// Writes the file, and keeps who may read it. Of a link, the target is written, if it
    /// belongs to the user.
    pub(super) fn write(&self) -> Result<(), Error> {
        config::check_ownership(&self.path)?;
        if self.after.is_empty() {
            return match std::fs::remove_file(&self.path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    Err(failed(&self.path, &error))
                }
                _ => Ok(()),
            };
        }
        let path = dunce::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let write = || -> std::io::Result<()> {
            let folder = path.parent().unwrap_or(Path::new("."));
            std::fs::create_dir_all(folder)?;
            files::replace_shared(&path, |file| {
                std::io::Write::write_all(file, self.after.as_bytes())?;
                if let Ok(metadata) = std::fs::metadata(&path) {
                    file.set_permissions(metadata.permissions())?;
                }
                if self.is_executable {
                    make_executable(file)?;
                }
                Ok(())
            })
        };
        write().map_err(|error| failed(&path, &error))
    }
}

#[cfg(unix)]
fn make_executable(file: &std::fs::File) -> std::io::Result<()> {
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700))
}

/// On other systems, the name of a file says whether it is a program.
#[cfg(not(unix))]
fn make_executable(_: &std::fs::File) -> std::io::Result<()> {
    Ok(())
}

/// Returns the text of a file, or `None` if there is none.
pub(super) fn read(path: &Path) -> Result<Option<String>, Error> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(path, &error)),
    }
}

fn failed(path: &Path, error: &std::io::Error) -> Error {
    Error::new(
        Code::NotSaved,
        format!("{} cannot be changed: {error}", path.display()),
        "check who may write it",
    )
}

/// Marks what `install` adds to a file with comments.
fn marks(name: &str) -> [String; 2] {
    ["begin", "end"].map(|end| format!("# latch credential {name}: {end}\n"))
}

/// Where in a file a block stands.
pub(super) enum Place {
    Top,
    /// Behind this line.
    Behind(&'static str),
    End,
}

/// Returns the text with this block, instead of an earlier one.
pub(super) fn with_block(text: &str, name: &str, lines: &str, place: &Place) -> String {
    let [begin, end] = marks(name);
    let mut text = without_block(text, name);
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    let at = match place {
        Place::Top => 0,
        Place::Behind(line) => text.find(line).map_or(text.len(), |at| at + line.len()),
        Place::End => text.len(),
    };
    text.insert_str(at, &(begin + lines + &end));
    text
}

/// Returns the text without the block.
pub(super) fn without_block(text: &str, name: &str) -> String {
    let [begin, end] = marks(name);
    let found = text.split_once(&begin).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(&end)?;
        Some(format!("{before}{after}"))
    });
    found.unwrap_or_else(|| text.to_owned())
}

/// Returns the lines that differ, with those around them left out.
pub(super) fn difference(before: &str, after: &str) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let same = |(a, b): &(&&str, &&str)| a == b;
    let head = old.iter().zip(&new).take_while(same).count();
    let (old, new) = (&old[head..], &new[head..]);
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(same).count();
    let shown = |sign: char| {
        move |line: &&str| {
            let parts: Vec<String> = line.split('\t').map(printable).collect();
            format!("{sign}{}", parts.join("\t"))
        }
    };
    let removed = old[..old.len() - tail].iter().map(shown('-'));
    removed.chain(new[..new.len() - tail].iter().map(shown('+'))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_replaced_and_taken_back() {
        for text in ["", "a\n", "a\nb"] {
            let once = with_block(text, "git", "  x = 1\n", &Place::End);
            assert_eq!(with_block(&once, "git", "  x = 1\n", &Place::End), once);
            let lines = text.lines().map(|line| format!("{line}\n")).collect::<String>();
            assert_eq!(without_block(&once, "git"), lines);
            for place in [Place::Top, Place::Behind("a\n")] {
                assert_eq!(without_block(&with_block(&lines, "git", "x\n", &place), "git"), lines);
            }
            let other = with_block(&once, "docker", "y\n", &Place::End);
            assert!(without_block(&other, "git").contains("docker"));
        }
    }

    #[test]
    fn only_the_lines_that_differ_are_shown() {
        assert_eq!(difference("a\nb\nc\n", "a\nx\ny\nc\n"), ["-b", "+x", "+y"]);
        assert_eq!(difference("", "a\n"), ["+a"]);
        assert!(difference("a\n", "a\n").is_empty());
    }
}
