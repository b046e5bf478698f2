//! The pages that `latch help` shows: those of `docs/` that you need at a terminal.

mod markdown;

use std::ffi::OsString;

use clap_complete::engine::CompletionCandidate;

pub(crate) use markdown::render;

/// A document about one subject.
pub(crate) struct Page {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Its file in `docs/`, without `.md`.
    file: &'static str,
    pub(crate) markdown: &'static str,
}

/// Takes the text from the folder that `build.rs` found.
macro_rules! page {
    ($name:literal, $file:literal, $about:literal) => {
        Page {
            name: $name,
            about: $about,
            file: $file,
            markdown: include_str!(concat!(env!("LATCHSTRING_DOCS"), "/", $file, ".md")),
        }
    };
}

/// The pages. No name is that of a command.
pub(crate) const PAGES: [Page; 9] = [
    page!("cli", "cli", "flags, exit codes, variables, configuration"),
    page!("flows", "flows", "what happens in a login, a refresh and a logout"),
    page!("providers", "providers", "what providers need, and presets"),
    page!("storage", "storage", "where sessions are kept"),
    page!("workloads", "workloads", "tokens without a login, for CI jobs and services"),
    page!("helpers", "helpers", "git, docker, kubectl and others with latch"),
    page!("mcp-clients", "mcp", "MCP clients"),
    page!("threat-model", "threat-model", "security: who may be hostile, and what holds"),
    page!("troubleshooting", "troubleshooting", "errors, latch doctor, recordings"),
];

/// Returns the page of that name.
pub(crate) fn page(name: &str) -> Option<&'static Page> {
    PAGES.iter().find(|page| page.name == name)
}

/// Returns the page that a link leads to: `storage.md`, `storage.md#encryption`.
fn page_at(link: &str) -> Option<&'static Page> {
    let (file, _) = link.split_once(".md")?;
    PAGES.iter().find(|page| page.file == file)
}

/// Returns the pages, one line for each.
pub(crate) fn list() -> String {
    PAGES.iter().map(|Page { name, about, .. }| format!("  {name:<16} {about}\n")).collect()
}

/// Returns the names of the pages, for completions.
pub(crate) fn candidates() -> Vec<CompletionCandidate> {
    let candidate = |page: &Page| {
        CompletionCandidate::new(OsString::from(page.name)).help(Some(page.about.into()))
    };
    PAGES.iter().map(candidate).collect()
}
