//! Builds the login component and the rules component, and embeds them as WebAssembly, for
//! inspection and other runtimes. The login component is also embedded as machine code for
//! this target, so that the program needs no compiler and starts fast.
//!
//! The crate reads five files through these environment variables:
//!
//! - `LATCHSTRING_COMPONENT` and `LATCHSTRING_RULES`: the components,
//! - `LATCHSTRING_COMPONENT_WORLD` and `LATCHSTRING_RULES_WORLD`: their worlds, as WIT,
//! - `LATCHSTRING_COMPONENT_COMPILED`: the login component's machine code.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use latchstring_engine::component::{self, Kind, LOGIN, RULES};
use latchstring_engine::{Folders, Result, finish, machine_code, nested, settings};

/// Environment variables with the path of a component to embed instead of building one.
const GIVEN: &str = "LATCHSTRING_COMPONENT_FILE";
const GIVEN_RULES: &str = "LATCHSTRING_RULES_FILE";

fn main() -> ExitCode {
    finish(embed())
}

fn embed() -> Result<()> {
    let folders = Folders::of_this_build("../..")?;
    let checkout = folders.workspace();
    let component = obtain(&folders, checkout.as_deref(), &LOGIN, GIVEN, "component.wasm")?;
    let world = component::check(&component, &LOGIN)?;
    let compiled = machine_code::of(&component, settings(), &folders)?;
    let rules = obtain(&folders, checkout.as_deref(), &RULES, GIVEN_RULES, "rules.wasm")?;
    let rules_world = component::check(&rules, &RULES)?;

    export("LATCHSTRING_COMPONENT", &folders.out.join("component.wasm"), &component)?;
    export("LATCHSTRING_RULES", &folders.out.join("rules.wasm"), &rules)?;
    export("LATCHSTRING_RULES_WORLD", &folders.out.join("rules.wit"), rules_world.as_bytes())?;
    println!("cargo::rustc-check-cfg=cfg(latchstring_code_in_place)");
    if machine_code::runs_in_place()? {
        println!("cargo::rustc-cfg=latchstring_code_in_place");
    }

    export("LATCHSTRING_COMPONENT_WORLD", &folders.out.join("component.wit"), world.as_bytes())?;
    export("LATCHSTRING_COMPONENT_COMPILED", &folders.out.join("component.cwasm"), &compiled)?;

    Ok(())
}

/// Returns a component: from the file that the variable `given` names, or built from the
/// sources, or from the file `packaged` of the published package.
///
/// The sources come before the package's file, because such a file left behind in a
/// checkout would hide every change of the sources.
fn obtain(
    folders: &Folders,
    checkout: Option<&Path>,
    kind: &Kind,
    given: &str,
    packaged: &str,
) -> Result<Vec<u8>> {
    println!("cargo::rerun-if-env-changed={given}");
    if let Some(file) = env::var_os(given) {
        let remedy = format!("{given} names it; name a component, or unset it");
        return read(&PathBuf::from(file), kind, &remedy);
    }
    match checkout {
        Some(workspace) => nested::component(workspace, folders, kind),
        None => {
            let remedy = "take the whole package, or a whole checkout";
            read(&folders.package.join(packaged), kind, remedy)
        }
    }
}

fn read(file: &Path, kind: &Kind, remedy: &str) -> Result<Vec<u8>> {
    println!("cargo::rerun-if-changed={}", file.display());
    fs::read(file).map_err(|error| {
        format!("the {} cannot be read from {}: {error}; {remedy}", kind.name, file.display())
            .into()
    })
}

fn export(variable: &str, file: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(file, bytes)?;
    println!("cargo::rustc-env={variable}={}", file.display());
    Ok(())
}
