//! The contract's types, as `src/contract.rs` includes them.
//!
//! The text of the WIT file goes into the macro that reads it: a path would lead
//! out of this package, and a link breaks where a checkout has none.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;

/// It is beside this package in a checkout, and in it once published: not in a folder
/// `wit`, where the macro would look by itself and find it twice.
pub(crate) fn bindings(package: &Path, checkout: Option<&PathBuf>) -> Result<String> {
    let (file, watched) = match checkout {
        Some(checkout) => (checkout.join("wit/login.wit"), "../../wit/login.wit"),
        None => (package.join("login.wit"), "login.wit"),
    };
    println!("cargo::rerun-if-changed={watched}");
    let text = fs::read_to_string(&file)
        .map_err(|error| format!("the contract cannot be read from {}: {error}", file.display()))?;
    // Serialised for transcripts and for the process that renews, which know every type.
    Ok(format!(
        "wasmtime::component::bindgen!({{ inline: {text:?}, world: \"login\", \
         additional_derives: [serde::Serialize, serde::Deserialize] }});\n"
    ))
}
