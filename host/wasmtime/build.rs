//! Makes `latch.wasm`: builds the program `latch` for WASI 0.2, and composes it with the
//! login component, which it imports.
//!
//! The crate reads it through the variable `LATCHSTRING_LATCH_WASM`, and its machine code
//! through `LATCHSTRING_LATCH_COMPILED`; users find it in this folder.

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use latchstring_engine::component::{self, LOGIN};
use latchstring_engine::{Folders, Result, finish, machine_code, nested};
use sha2::{Digest as _, Sha256};
use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions};
use wasmtime::Config;
use wit_component::DecodedWasm;

/// Names a component to use instead of building one, as for the native host.
const GIVEN: &str = "LATCHSTRING_COMPONENT_FILE";

/// The folders of what the program is built from.
const SOURCES: [&str; 3] = ["host/core", "host/latch", "host/latchstring"];

/// The interface of a command, as `wasmtime run` runs it.
const COMMAND: &str = "wasi:cli/run@0.2";

fn main() -> ExitCode {
    finish(make())
}

fn make() -> Result<()> {
    let folders = Folders::of_this_build("../..")?;
    let workspace =
        folders.workspace().ok_or("latch.wasm is built in a checkout, and this is none")?;
    let login = login(&workspace, &folders)?;
    component::check(&login, &LOGIN)?;
    let latch = compose(&program(&workspace, &folders, &login)?, &login)?;

    let embedded = folders.out.join("latch.wasm");
    fs::write(&embedded, &latch)?;
    println!("cargo::rustc-env=LATCHSTRING_LATCH_WASM={}", embedded.display());
    let compiled = folders.out.join("latch.cwasm");
    fs::write(&compiled, machine_code::of(&latch, Config::new(), &folders)?)?;
    println!("cargo::rustc-env=LATCHSTRING_LATCH_COMPILED={}", compiled.display());
    replace(&folders.package.join("latch.wasm"), &latch)
}

/// Returns the login component: the one that the native host embeds.
fn login(workspace: &Path, folders: &Folders) -> Result<Vec<u8>> {
    println!("cargo::rerun-if-env-changed={GIVEN}");
    match env::var_os(GIVEN) {
        Some(file) => Ok(fs::read(file)?),
        None => nested::component(workspace, folders, &LOGIN),
    }
}

/// Returns the program, which is told what it is composed with: it cannot read the bytes of
/// the login component.
fn program(workspace: &Path, folders: &Folders, login: &[u8]) -> Result<Vec<u8>> {
    let sha256: String = Sha256::digest(login).iter().map(|byte| format!("{byte:02x}")).collect();
    let variables = [
        ("LATCHSTRING_LOGIN_BYTES", login.len().to_string()),
        ("LATCHSTRING_LOGIN_SHA256", sha256),
    ];
    nested::program(workspace, folders, "latchstring-cli", "latch", &SOURCES, &variables)
}

/// Returns one component of both, each of them in it as it is.
///
/// What the program imports and the login component does not export is imported by the
/// whole. This fails if that is not standard WASI.
fn compose(program: &[u8], login: &[u8]) -> Result<Vec<u8>> {
    let mut graph = CompositionGraph::new();
    let login = Package::from_bytes("latchstring:login", None, login, graph.types_mut())?;
    let login = graph.register_package(login)?;
    let world = &graph.types()[graph[login].ty()];
    let interface = world.exports.keys().find(|name| name.starts_with(LOGIN.export));
    let interface = interface.ok_or("the login component does not export its interface")?.clone();
    let program = Package::from_bytes("latchstring:program", None, program, graph.types_mut())?;
    let program = graph.register_package(program)?;

    let login = graph.instantiate(login);
    let exported = graph.alias_instance_export(login, &interface)?;
    let instance = graph.instantiate(program);
    graph.set_instantiation_argument(instance, &interface, exported)?;
    let world = &graph.types()[graph[program].ty()];
    let command = world.exports.keys().find(|name| name.starts_with(COMMAND));
    let command = command.ok_or("the program is no command")?.clone();
    let run = graph.alias_instance_export(instance, &command)?;
    graph.export(run, &command)?;

    let whole = graph.encode(EncodeOptions::default())?;
    check(&whole)?;
    Ok(whole)
}

/// Fails if the component imports more than WASI.
fn check(whole: &[u8]) -> Result<()> {
    let DecodedWasm::Component(resolve, world) = wit_component::decode(whole)? else {
        return Err("latch.wasm is a WIT package without code".into());
    };
    let world = &resolve.worlds[world];
    let imports = world.imports.keys().map(|key| resolve.name_world_key(key));
    match imports.into_iter().find(|name| !name.starts_with("wasi:")) {
        Some(other) => Err(format!("latch.wasm would import {other}, which is not WASI").into()),
        None => Ok(()),
    }
}

/// Writes the file unless it has these bytes already: programs that compile it ahead of time
/// look at its age.
fn replace(file: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(file).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    fs::write(file, bytes)
        .map_err(|error| format!("{} cannot be written: {error}", file.display()).into())
}
