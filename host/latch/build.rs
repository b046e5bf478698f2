//! Finds the documents that `latch help` shows: `docs/` of the checkout, or those in the
//! published package.

use std::path::Path;

fn main() -> Result<(), String> {
    let package = std::env::var("CARGO_MANIFEST_DIR").map_err(|error| error.to_string())?;
    let package = Path::new(&package);
    // The checkout comes first: documents left behind by packaging would hide changes.
    let places = [package.join("../../docs"), package.join("docs")];
    let docs = places.iter().find(|folder| folder.join("cli.md").exists());
    let docs = docs.ok_or("the documents are missing; take the whole package or checkout")?;
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=LATCHSTRING_DOCS={}", docs.display());
    Ok(())
}
