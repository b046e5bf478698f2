//! What the files of a key are called in a state folder: as the native host calls
//! them.

use super::{Key, cannot};
use crate::error::Error;
use crate::wasi::files::{self, DescriptorType};

/// The file `PROFILE.ACCOUNT.EXTENSION` in `folder`.
pub(super) fn path(folder: &str, key: &Key, extension: &str) -> Result<String, Error> {
    key.check()?;
    Ok(format!("{folder}/{}.{extension}", key.file_stem()))
}

/// The keys that have a file with this extension, sorted; strangers in the folder
/// are passed over.
pub(super) fn keys(folder: &str, extension: &str) -> Result<Vec<Key>, Error> {
    let entries = list(folder)?;
    let regular = entries.iter().filter(|(_, kind)| *kind == DescriptorType::RegularFile);
    let mut keys: Vec<Key> = regular.filter_map(|(name, _)| parse(name, extension)).collect();
    keys.sort();
    keys.dedup();
    Ok(keys)
}

fn list(folder: &str) -> Result<Vec<(String, DescriptorType)>, Error> {
    // With a slash, since a remedy names the folder that a path lies in.
    files::list(folder).map_err(|trouble| cannot("list", &format!("{folder}/"), &trouble))
}

fn parse(name: &str, extension: &str) -> Option<Key> {
    let (stem, found) = name.rsplit_once('.')?;
    (found == extension).then(|| Key::of_file_stem(stem))?
}
