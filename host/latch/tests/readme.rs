//! What the README says is shown by a test is shown by one that is there.

use std::fs;
use std::path::Path;

#[test]
fn every_test_that_the_readme_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let readme = fs::read_to_string(root.join("README.md")).expect("the README");
    let named: Vec<(&str, &str)> = readme
        .split('`')
        .filter_map(|word| word.split_once("::"))
        .filter(|(_, test)| test.contains('_') && !test.contains(|c: char| !is_plain(c)))
        .collect();
    assert!(named.len() > 40, "{} tests are named", named.len());
    for (file, test) in named {
        let places = ["host/latch/tests", "examples/tests"].map(|folder| root.join(folder));
        let texts = places.iter().map(|folder| folder.join(format!("{file}.rs")));
        let text: String = texts.filter_map(|path| fs::read_to_string(path).ok()).collect();
        assert!(text.contains(&format!("fn {test}(")), "{file}::{test} is nowhere");
    }
}

fn is_plain(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'
}
