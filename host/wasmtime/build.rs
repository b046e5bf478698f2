//! Makes `latch.wasm`: builds the login component as `host/latchstring/build.rs` does, builds
//! the driver beside it, and composes the two.
//!
//! The crate reads it through the variable `LATCHSTRING_LATCH_WASM`, and its machine
//! code through `LATCHSTRING_LATCH_COMPILED`; people find it in this folder.

#[path = "../../host/latchstring/build/component.rs"]
mod component;
#[path = "build/composition.rs"]
mod composition;
#[path = "src/config.rs"]
mod config;
#[path = "../../host/latchstring/build/folders.rs"]
mod folders;
#[path = "../../host/latchstring/build/machine_code.rs"]
mod machine_code;
#[path = "../../host/latchstring/build/nested.rs"]
mod nested;
#[path = "../../host/latchstring/build/toolchain.rs"]
mod toolchain;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use component::LOGIN;
use folders::Folders;
use sha2::{Digest as _, Sha256};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Names a component to take instead of building one, as for the native host.
const GIVEN: &str = "LATCHSTRING_COMPONENT_FILE";

/// What the driver is made of, beside what is in its own folder.
const SHARED: [&str; 4] =
    ["host/core", "host/latch/src", "host/latchstring/src", "host/wasmtime/driver"];

#[allow(clippy::print_stderr, reason = "cargo shows what a build script prints there")]
fn main() -> ExitCode {
    match make() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn make() -> Result<()> {
    let folders = Folders::of_this_build("../..")?;
    let workspace =
        folders.workspace().ok_or("latch.wasm is built in a checkout, and this is none")?;
    let flow = flow(&workspace, &folders)?;
    component::check(&flow, &LOGIN)?;
    let driver = component::wrap(&build_driver(&workspace, &folders, &flow)?, "driver")?;
    let latch = composition::compose(&driver, &flow)?;

    let embedded = folders.out.join("latch.wasm");
    fs::write(&embedded, &latch)?;
    println!("cargo::rustc-env=LATCHSTRING_LATCH_WASM={}", embedded.display());
    let compiled = folders.out.join("latch.cwasm");
    fs::write(&compiled, machine_code::of(&latch, &folders)?)?;
    println!("cargo::rustc-env=LATCHSTRING_LATCH_COMPILED={}", compiled.display());
    replace(&folders.package.join("latch.wasm"), &latch)
}

/// The login component: the one that the native host embeds.
fn flow(workspace: &Path, folders: &Folders) -> Result<Vec<u8>> {
    println!("cargo::rerun-if-env-changed={GIVEN}");
    match env::var_os(GIVEN) {
        Some(file) => Ok(fs::read(file)?),
        None => nested::component(workspace, folders, &LOGIN),
    }
}

/// The driver, which is told what it will be composed with: it cannot look inside
/// its neighbour.
fn build_driver(workspace: &Path, folders: &Folders, flow: &[u8]) -> Result<Vec<u8>> {
    SHARED.iter().for_each(|source| folders.watch(source));
    let sha256: String = Sha256::digest(flow).iter().map(|byte| format!("{byte:02x}")).collect();
    let known = [
        ("LATCHSTRING_FLOW_BYTES", flow.len().to_string()),
        ("LATCHSTRING_FLOW_SHA256", sha256),
        ("LATCHSTRING_FLOW_EXPORT", LOGIN.export.to_owned()),
    ];
    nested::module(workspace, folders, "latchstring-driver", "driver", &known, &[])
}

/// Leaves a file alone that is the same already: whoever compiles it ahead of time
/// goes by its age.
fn replace(file: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(file).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    fs::write(file, bytes)
        .map_err(|error| format!("{} cannot be written: {error}", file.display()).into())
}
