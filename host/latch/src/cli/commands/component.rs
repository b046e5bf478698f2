//! `latch component`: show the component that implements the protocol, or write it to a
//! file.

use std::fs;
use std::path::Path;

use latchstring::sandbox::{COMPONENT, WORLD};
use latchstring::{Code, Error};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::cli::args::{ComponentArgs, Global};
use crate::cli::output;

pub(crate) fn run(global: &Global, args: &ComponentArgs) -> Result<(), Error> {
    match &args.output {
        Some(path) if path == Path::new("-") => output::write(COMPONENT),
        Some(path) => fs::write(path, COMPONENT).map_err(|error| {
            Error::new(
                Code::HostFault,
                format!("{} cannot be written: {error}", path.display()),
                "choose another file with --output",
            )
        }),
        None => show(global),
    }
}

fn show(global: &Global) -> Result<(), Error> {
    let sha256: String =
        Sha256::digest(COMPONENT).iter().map(|byte| format!("{byte:02x}")).collect();
    let (exports, imports) = (items("export "), items("import "));
    if global.json {
        return output::document(&json!({
            "bytes": COMPONENT.len(),
            "sha256": sha256,
            "exports": exports,
            "imports": imports,
        }));
    }
    let list = |items: &[&str]| if items.is_empty() { "none".to_owned() } else { items.join(", ") };
    output::line(&format!("bytes    {}", COMPONENT.len()))?;
    output::line(&format!("sha256   {sha256}"))?;
    output::line(&format!("exports  {}", list(&exports)))?;
    output::line(&format!("imports  {}", list(&imports)))
}

fn items(keyword: &str) -> Vec<&'static str> {
    WORLD
        .lines()
        .filter_map(|line| line.trim().strip_prefix(keyword))
        .map(|item| item.trim_end_matches(';'))
        .collect()
}
