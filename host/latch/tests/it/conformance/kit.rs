//! The files of the kit.

use std::fs;
use std::path::PathBuf;

pub(crate) const ADVICE: &str = "where that is meant, make the kit anew with: ./dev kit";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testing/conformance")
}

pub(crate) fn write(name: &str, text: &str) {
    fs::write(folder().join(format!("{name}.json")), text).expect("a file of the kit");
}

/// Names without their ends, and texts, sorted by name.
pub(crate) fn files() -> Vec<(String, String)> {
    let entries = fs::read_dir(folder()).expect("the kit's folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<(String, String)> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .map(|path| {
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).expect("text"))
        })
        .collect();
    files.sort_unstable();
    assert!(files.len() > 4, "the kit is not there");
    files
}
