//! Every test that `docs/providers.md` names as a proof exists.

use std::fs;
use std::path::Path;

#[test]
fn every_test_that_the_document_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let document = fs::read_to_string(root.join("docs/providers.md")).expect("the document");
    let named: Vec<(&str, &str)> = document
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
