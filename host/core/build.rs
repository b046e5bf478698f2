//! Writes the contract's types, as `src/contract.rs` includes them.
//!
//! The text of the WIT file goes into the macro that reads it: a path would lead out of
//! this package, and a link breaks in a checkout that has none.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Beside this package in a checkout, and in it once published: not in a folder `wit`,
/// where the macro would look by itself and find it twice.
const PLACES: [&str; 2] = ["../../wit/login.wit", "login.wit"];

fn main() -> Result<(), Box<dyn Error>> {
    let package = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let is_there = |place: &&&str| package.join(place).exists();
    let place = PLACES.iter().find(is_there).ok_or("the contract, login.wit, is missing")?;
    println!("cargo::rerun-if-changed={place}");
    let contract = fs::read_to_string(package.join(place))?;
    let out = Path::new(&env::var("OUT_DIR")?).join("contract.rs");
    fs::write(out, bindings(&contract, &env::var("CARGO_CFG_TARGET_FAMILY")?))?;
    Ok(())
}

/// A component that drives the login component imports it; a native host loads it.
fn bindings(contract: &str, family: &str) -> String {
    if family == "wasm" {
        let world = format!("{contract}\nworld host {{ import flow; }}\n");
        return format!(
            "wit_bindgen::generate!({{ inline: {world:?}, world: \"host\", generate_all, \
             pub_export_macro: false }});\n"
        );
    }
    // Serialised for transcripts and for the process that renews, which know every type.
    format!(
        "wasmtime::component::bindgen!({{ inline: {contract:?}, world: \"login\", \
         additional_derives: [serde::Serialize, serde::Deserialize] }});\n"
    )
}
