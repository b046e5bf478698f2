//! The state folder, and the names of a key's files in it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use directories::ProjectDirs;

use super::failure::cannot;
use super::{Key, guard};
use crate::error::{Code, Error};

/// Returns the default folder for sessions.
///
/// # Errors
///
/// Returns `invalid-configuration` if the user has no home folder.
pub fn default_state_folder() -> Result<PathBuf, Error> {
    let folders = ProjectDirs::from("", "", "latchstring").ok_or_else(|| {
        Error::new(
            Code::InvalidConfiguration,
            "this user has no home folder to keep sessions in",
            match cfg!(windows) {
                true => "choose a folder with --state-dir",
                false => "set HOME, or choose a folder with --state-dir",
            },
        )
    })?;
    Ok(folders.state_dir().unwrap_or_else(|| folders.data_local_dir()).to_owned())
}

/// Returns the path of the file `PROFILE.ACCOUNT.EXTENSION` in `folder`.
pub(super) fn path(folder: &Path, key: &Key, extension: &str) -> Result<PathBuf, Error> {
    key.check()?;
    Ok(folder.join(format!("{}.{extension}", key.file_stem())))
}

/// Returns the keys that have a file with this extension, sorted. Other files are skipped.
pub(super) fn keys(folder: &Path, extension: &str) -> Result<Vec<Key>, Error> {
    if !guard::folder(folder)? {
        return Ok(Vec::new());
    }
    let failed = |error: io::Error| cannot("list", folder, &error);
    let mut keys = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        let name = entry.file_name();
        let key = name.to_str().and_then(|name| parse(name, extension));
        if let (true, Some(key)) = (is_file, key) {
            keys.push(key);
        }
    }
    keys.sort();
    keys.dedup();
    Ok(keys)
}

fn parse(name: &str, extension: &str) -> Option<Key> {
    let (stem, found) = name.rsplit_once('.')?;
    (found == extension).then(|| Key::of_file_stem(stem))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(profile: &str) -> Key {
        Key { profile: profile.to_owned(), account: "a1".to_owned() }
    }

    #[test]
    fn no_two_profiles_share_a_file_even_if_case_is_ignored() {
        for (profile, stem) in [
            ("work", "work.a1"),
            ("Work", "+work.a1"),
            ("WORK", "+w+o+r+k.a1"),
            ("my-Work_2", "my-+work_2.a1"),
            ("con", "con+.a1"),
            ("Con", "+con.a1"),
            ("com1", "com1+.a1"),
            ("lpt0", "lpt0+.a1"),
            ("com10", "com10.a1"),
            ("console", "console.a1"),
        ] {
            assert_eq!(key(profile).file_stem(), stem);
            assert_eq!(Key::of_file_stem(stem), Some(key(profile)), "{stem}");
        }
    }

    #[test]
    fn other_names_are_skipped() {
        for stem in [
            "Work.a1",
            "con.a1",
            "work+.a1",
            "+Work.a1",
            "++work.a1",
            "+1.a1",
            "work.A1",
            "work",
            "a b.a1",
            ".a1",
        ] {
            assert_eq!(Key::of_file_stem(stem), None, "{stem}");
        }
    }
}
