//! The names of files in a state folder, which are those of the native host.

use super::{Key, cannot};
use crate::capability::entropy::{Entropy as _, SystemEntropy};
use crate::error::Error;
use crate::wasi::files::{self, DescriptorType};

/// Returns the path of the file `PROFILE.ACCOUNT.EXTENSION` in `folder`.
pub(super) fn path(folder: &str, key: &Key, extension: &str) -> Result<String, Error> {
    key.check()?;
    Ok(format!("{folder}/{}.{extension}", key.file_stem()))
}

/// Returns the keys that have a file with this extension, sorted. Other files are skipped.
pub(super) fn keys(folder: &str, extension: &str) -> Result<Vec<Key>, Error> {
    let entries = list(folder)?;
    let regular = entries.iter().filter(|(_, kind)| *kind == DescriptorType::RegularFile);
    let mut keys: Vec<Key> = regular.filter_map(|(name, _)| parse(name, extension)).collect();
    keys.sort();
    keys.dedup();
    Ok(keys)
}

fn list(folder: &str) -> Result<Vec<(String, DescriptorType)>, Error> {
    // With a slash at the end, because the remedy names the folder that a path is in.
    files::list(folder).map_err(|trouble| cannot("list", &format!("{folder}/"), &trouble))
}

fn parse(name: &str, extension: &str) -> Option<Key> {
    let (stem, found) = name.rsplit_once('.')?;
    (found == extension).then(|| Key::of_file_stem(stem))?
}

/// Returns a random name, for a holder of a lock or a temporary file.
pub(super) fn unique() -> Result<String, Error> {
    Ok(SystemEntropy.draw()?[..16].iter().map(|byte| format!("{byte:02x}")).collect())
}
