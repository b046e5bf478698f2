//! What the documents point to exists: the tests that they name as a proof, the files that links lead to, and source files.

use std::fs;
use std::path::{Path, PathBuf};

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
        let places = ["host/latch/tests/it", "examples/tests"].map(|folder| root.join(folder));
        let texts = places.iter().map(|folder| folder.join(format!("{file}.rs")));
        let text: String = texts.filter_map(|path| fs::read_to_string(path).ok()).collect();
        assert!(text.contains(&format!("fn {test}(")), "{file}::{test} is nowhere");
    }
}

#[test]
fn every_test_that_the_requirements_name_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let document = root.join("testing/mcp/requirements.md");
    let document = fs::read_to_string(document).expect("the document");
    let named: Vec<(&str, &str)> =
        document.split('`').filter_map(|word| word.split_once("::")).collect();
    assert!(named.len() > 40, "{} tests are named", named.len());
    let below = ["guest/src/tests", "guest/src/protocol", "host/core/src/egress"];
    let below = below.into_iter().chain(["host/latch/tests/it"]).map(|folder| root.join(folder));
    let below: Vec<PathBuf> = below.collect();
    for (file, test) in named {
        let texts = below.iter().map(|folder| folder.join(format!("{file}.rs")));
        let text: String = texts.filter_map(|path| fs::read_to_string(path).ok()).collect();
        assert!(text.contains(&format!("fn {test}(")), "{file}::{test} is nowhere");
    }
}

#[test]
fn every_relative_link_leads_to_a_file_or_folder() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut documents: Vec<PathBuf> =
        ["README.md", "CONTRIBUTING.md", "SECURITY.md", "wit/hosts.md", "examples/README.md"]
            .map(|name| root.join(name))
            .into();
    let names_markdown = |path: &PathBuf| path.extension().is_some_and(|end| end == "md");
    documents.extend(entries(root.join("docs")).into_iter().filter(names_markdown));
    for parent in ["host", "testing", "examples"] {
        let folders = entries(root.join(parent)).into_iter();
        let readmes = folders.map(|folder| folder.join("README.md"));
        documents.extend(readmes.filter(|readme| readme.exists()));
    }
    let mut count = 0;
    for document in documents {
        let text = fs::read_to_string(&document).expect("a document");
        let folder = document.parent().expect("a folder");
        for link in links(&text) {
            count += 1;
            assert!(folder.join(link).exists(), "{}: {link} is missing", document.display());
        }
    }
    assert!(count > 60, "{count} links were checked");
}

/// Of the rules for hosts and of the walks through the code. Below which folders their paths
/// are is said there.
#[test]
fn every_source_file_that_the_documents_name_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let below = ["", "host", "host/latchstring/src", "host/core/src", "host/sandbox/src"];
    let below = below.into_iter().chain(["host/latch/src/cli", "guest/src"]);
    let folders: Vec<PathBuf> = below.map(|folder| root.join(folder)).collect();
    for document in ["wit/hosts.md", "docs/architecture.md"] {
        let text = fs::read_to_string(root.join(document)).expect("a document");
        let named = text.split('`').skip(1).step_by(2).filter(|word| word.ends_with(".rs"));
        let named: Vec<&str> = named.collect();
        assert!(named.len() > 30, "{document} names {}", named.len());
        for file in named {
            let exists = folders.iter().any(|folder| folder.join(file).exists());
            assert!(exists, "{document}: {file} is missing");
        }
    }
}

fn entries(folder: PathBuf) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

/// Returns the targets of inline links outside of code blocks, without the anchor. Leaves
/// out other sites and anchors of the same page.
fn links(text: &str) -> impl Iterator<Item = &str> {
    // Every second part is inside a code block.
    text.split("\n```")
        .step_by(2)
        .flat_map(|prose| prose.split("](").skip(1))
        .filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
        .filter(|target| !target.starts_with("http://") && !target.starts_with("https://"))
        .filter_map(|target| target.split('#').next())
        .filter(|path| !path.is_empty())
}

fn is_plain(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'
}
