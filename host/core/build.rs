//! Generates Rust types from `wit/login.wit`; `src/contract.rs` includes them.
//!
//! The macro gets the text of the WIT file, not its path: the path would lead out of this
//! package, and a symbolic link breaks in a checkout without symbolic links.

#![allow(clippy::disallowed_methods, reason = "a build script reads files")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Paths of the WIT file, relative to this package: in a checkout, and in the published
/// package. Not in a folder named `wit`: the macro reads that folder by default and would
/// find the contract twice.
const PLACES: [&str; 2] = ["../../wit/login.wit", "login.wit"];

fn main() -> Result<(), Box<dyn Error>> {
    let package = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let is_there = |place: &&&str| package.join(place).exists();
    let place = PLACES.iter().find(is_there).ok_or("the contract, login.wit, is missing")?;
    println!("cargo::rerun-if-changed={place}");
    let contract = fs::read_to_string(package.join(place))?;
    let out = Path::new(&env::var("OUT_DIR")?).join("contract.rs");
    let bindings = bindings(&contract, &env::var("CARGO_CFG_TARGET_FAMILY")?);
    fs::write(out, bindings + &names(&contract)?)?;
    Ok(())
}

/// Returns the names of the contract as constants: nowhere else is its version written.
fn names(contract: &str) -> Result<String, Box<dyn Error>> {
    let package = contract.lines().find_map(|line| line.strip_prefix("package "));
    let package = package.ok_or("the contract names no package")?.trim_end_matches(';');
    let interface = package.replace('@', "/flow@");
    Ok(format!(
        "pub const PACKAGE: &str = {package:?};\npub const INTERFACE: &str = {interface:?};\n"
    ))
}

/// Returns the `bindgen` call: a WebAssembly component that drives the login component
/// imports the contract, and a native host loads a component that exports it.
fn bindings(contract: &str, family: &str) -> String {
    if family == "wasm" {
        let world = format!("{contract}\nworld host {{ import flow; }}\n");
        return format!(
            "wit_bindgen::generate!({{ inline: {world:?}, world: \"host\", generate_all, \
             pub_export_macro: false }});\n"
        );
    }
    // Transcripts and the process that renews tokens need every type to be serialisable.
    format!(
        "wasmtime::component::bindgen!({{ inline: {contract:?}, world: \"login\", \
         additional_derives: [serde::Serialize, serde::Deserialize] }});\n"
    )
}
