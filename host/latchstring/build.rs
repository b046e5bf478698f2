//! Builds the login component and embeds it twice: as WebAssembly, for inspection and other
//! runtimes, and as machine code for this target, so that the program needs no compiler and
//! starts fast.
//!
//! The crate reads three files through these environment variables:
//!
//! - `LATCHSTRING_COMPONENT`: the component,
//! - `LATCHSTRING_COMPONENT_WORLD`: its world, as WIT,
//! - `LATCHSTRING_COMPONENT_COMPILED`: its machine code.

#[path = "build/component.rs"]
mod component;
#[path = "src/sandbox/config.rs"]
mod config;
#[path = "build/folders.rs"]
mod folders;
#[path = "build/guest.rs"]
mod guest;
#[path = "build/machine_code.rs"]
mod machine_code;
#[path = "build/nested.rs"]
mod nested;
#[path = "build/toolchain.rs"]
mod toolchain;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use folders::Folders;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Environment variable with the path of a component to embed instead of building one.
const GIVEN: &str = "LATCHSTRING_COMPONENT_FILE";

#[allow(clippy::print_stderr, reason = "cargo shows what a build script prints there")]
fn main() -> ExitCode {
    match embed() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn embed() -> Result<()> {
    let folders = Folders::of_this_build("../..")?;
    let checkout = folders.workspace();
    let component = obtain(&folders, checkout.as_ref())?;
    let world = component::check(&component)?;
    let compiled = machine_code::of(&component, &folders)?;

    export("LATCHSTRING_COMPONENT", &folders.out.join("component.wasm"), &component)?;
    println!("cargo::rustc-check-cfg=cfg(latchstring_code_in_place)");
    if machine_code::runs_in_place()? {
        println!("cargo::rustc-cfg=latchstring_code_in_place");
    }

    export("LATCHSTRING_COMPONENT_WORLD", &folders.out.join("component.wit"), world.as_bytes())?;
    export("LATCHSTRING_COMPONENT_COMPILED", &folders.out.join("component.cwasm"), &compiled)?;

    Ok(())
}

/// Returns the component: from the given file, or built from the sources, or from the
/// published package.
///
/// The sources come before the package's file, because such a file left behind in a
/// checkout would hide every change of the sources.
fn obtain(folders: &Folders, checkout: Option<&PathBuf>) -> Result<Vec<u8>> {
    println!("cargo::rerun-if-env-changed={GIVEN}");
    if let Some(file) = env::var_os(GIVEN) {
        return read(
            &PathBuf::from(file),
            &format!("{GIVEN} names it; name a component, or unset it"),
        );
    }
    if let Some(workspace) = checkout {
        return component::wrap(&guest::build(workspace, folders)?);
    }
    read(&folders.package.join("component.wasm"), "take the whole package, or a whole checkout")
}

fn read(file: &Path, remedy: &str) -> Result<Vec<u8>> {
    println!("cargo::rerun-if-changed={}", file.display());
    fs::read(file).map_err(|error| {
        format!("the login component cannot be read from {}: {error}; {remedy}", file.display())
            .into()
    })
}

fn export(variable: &str, file: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(file, bytes)?;
    println!("cargo::rustc-env={variable}={}", file.display());
    Ok(())
}
