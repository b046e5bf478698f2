//! `latch component`: show the component that implements the protocol, or the one with the
//! rules of a host, or write it to a file.

use latchstring::Error;
use serde_json::json;

use crate::cli::args::{ComponentArgs, Global};
use crate::cli::output;

/// A component, as it is shown.
struct Shown {
    bytes: usize,
    sha256: String,
    exports: Vec<String>,
    imports: Vec<String>,
}

#[cfg(not(target_os = "wasi"))]
pub(crate) fn run(global: &Global, args: &ComponentArgs) -> Result<(), Error> {
    use std::path::Path;

    use latchstring::{Code, component};
    use sha2::{Digest as _, Sha256};

    let (binary, world) = match args.rules {
        true => (component::RULES, component::RULES_WORLD),
        false => (component::LOGIN, component::LOGIN_WORLD),
    };
    match &args.output {
        Some(path) if path == Path::new("-") => output::write(binary),
        Some(path) => {
            std::fs::write(path, binary).map_err(|error| {
                Error::new(
                    Code::HostFault,
                    format!("{} cannot be written: {error}", path.display()),
                    "choose another file with --output",
                )
            })?;
            output::say(&format!("Wrote the component to {}", path.display()));
            Ok(())
        }
        None => {
            let sha256 = Sha256::digest(binary);
            show(
                global,
                &Shown {
                    bytes: binary.len(),
                    sha256: sha256.iter().map(|byte| format!("{byte:02x}")).collect(),
                    exports: items(world, "export "),
                    imports: items(world, "import "),
                },
            )
        }
    }
}

/// A component cannot look at the bytes of another, so this shows what the build has noted
/// about the one that it composed with this program, and checked.
#[cfg(target_os = "wasi")]
pub(crate) fn run(global: &Global, _: &ComponentArgs) -> Result<(), Error> {
    use latchstring::{Code, component};

    let (Some(bytes), Some(sha256)) = (component::BYTES, component::SHA256) else {
        return Err(Error::new(
            Code::HostFault,
            "this program was built without the login component",
            "build it with: cargo build -p latchstring-wasmtime",
        ));
    };
    show(
        global,
        &Shown {
            bytes: bytes.parse().unwrap_or_default(),
            sha256: sha256.to_owned(),
            exports: vec![component::EXPORT.to_owned()],
            imports: Vec::new(),
        },
    )
}

fn show(global: &Global, component: &Shown) -> Result<(), Error> {
    let Shown { bytes, sha256, exports, imports } = component;
    if global.json {
        return output::document(&json!({
            "bytes": bytes,
            "sha256": sha256,
            "exports": exports,
            "imports": imports,
        }));
    }
    let list = |items: &[String]| match items {
        [] => "none".to_owned(),
        items => items.join(", "),
    };
    output::line(&format!("bytes    {bytes}"))?;
    output::line(&format!("sha256   {sha256}"))?;
    output::line(&format!("exports  {}", list(exports)))?;
    output::line(&format!("imports  {}", list(imports)))
}

/// Returns what the world exports or imports, as `keyword` says.
#[cfg(not(target_os = "wasi"))]
fn items(world: &str, keyword: &str) -> Vec<String> {
    world
        .lines()
        .filter_map(|line| line.trim().strip_prefix(keyword))
        .map(|item| item.trim_end_matches(';').to_owned())
        .collect()
}
