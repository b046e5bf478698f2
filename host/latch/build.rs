//! Finds the documents that `latch help` shows, and gives the program on Windows the stack
//! that programs have on Unix.

use std::env;
use std::path::Path;

/// The default of Windows is too small for a build without optimisation.
const STACK_BYTES: u32 = 8 << 20;

fn main() -> Result<(), String> {
    println!("cargo::rerun-if-changed=build.rs");
    find_documents()?;
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "windows") {
        let is_msvc = env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|tools| tools == "msvc");
        let flag = if is_msvc { "/STACK:" } else { "-Wl,--stack," };
        println!("cargo::rustc-link-arg-bins={flag}{STACK_BYTES}");
    }
    Ok(())
}

/// They are in `docs/` of the checkout, or of the published package.
fn find_documents() -> Result<(), String> {
    let package = env::var("CARGO_MANIFEST_DIR").map_err(|error| error.to_string())?;
    let package = Path::new(&package);
    // The checkout comes first: documents left behind by packaging would hide changes.
    let places = [package.join("../../docs"), package.join("docs")];
    let docs = places.iter().find(|folder| folder.join("cli.md").exists());
    let docs = docs.ok_or("the documents are missing; take the whole package or checkout")?;
    println!("cargo::rustc-env=LATCHSTRING_DOCS={}", docs.display());
    Ok(())
}
