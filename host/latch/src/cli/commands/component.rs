//! `latch component`: show the component that implements the protocol, or the one with the
//! rules of a host, or write it to a file.

use std::fs;
use std::path::Path;

use latchstring::{Code, Error, rules, sandbox};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::cli::args::{ComponentArgs, Global};
use crate::cli::output;

pub(crate) fn run(global: &Global, args: &ComponentArgs) -> Result<(), Error> {
    let (component, world) = match args.rules {
        true => (rules::COMPONENT, rules::WORLD),
        false => (sandbox::COMPONENT, sandbox::WORLD),
    };
    match &args.output {
        Some(path) if path == Path::new("-") => output::write(component),
        Some(path) => fs::write(path, component).map_err(|error| {
            Error::new(
                Code::HostFault,
                format!("{} cannot be written: {error}", path.display()),
                "choose another file with --output",
            )
        }),
        None => show(global, component, world),
    }
}

fn show(global: &Global, component: &[u8], world: &str) -> Result<(), Error> {
    let sha256: String =
        Sha256::digest(component).iter().map(|byte| format!("{byte:02x}")).collect();
    let (exports, imports) = (items(world, "export "), items(world, "import "));
    if global.json {
        return output::document(&json!({
            "bytes": component.len(),
            "sha256": sha256,
            "exports": exports,
            "imports": imports,
        }));
    }
    let list = |items: &[&str]| if items.is_empty() { "none".to_owned() } else { items.join(", ") };
    output::line(&format!("bytes    {}", component.len()))?;
    output::line(&format!("sha256   {sha256}"))?;
    output::line(&format!("exports  {}", list(&exports)))?;
    output::line(&format!("imports  {}", list(&imports)))
}

/// Returns what the world exports or imports, as `keyword` says.
fn items<'a>(world: &'a str, keyword: &str) -> Vec<&'a str> {
    world
        .lines()
        .filter_map(|line| line.trim().strip_prefix(keyword))
        .map(|item| item.trim_end_matches(';'))
        .collect()
}
