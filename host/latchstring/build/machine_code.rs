//! Compiles the component ahead of time for the target of this build.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::{env, fs};

use wasmtime::Engine;

use crate::folders::Folders;
use crate::{Result, config};

/// Machine code of `component` that runs on every processor of this target.
///
/// Made only when the component or this compiler changed: an unoptimised one, as
/// build scripts are, takes a while.
pub(crate) fn of(component: &[u8], folders: &Folders) -> Result<Vec<u8>> {
    let (made, made_from) =
        (folders.out.join("component.cwasm"), folders.out.join("component.cwasm.from"));
    let from = origin(component)?;
    if fs::read_to_string(&made_from).is_ok_and(|earlier| earlier == from) {
        return Ok(fs::read(made)?);
    }

    let compiled = compile(component, &env::var("TARGET")?)?;
    fs::write(made, &compiled)?;
    fs::write(made_from, from)?;
    Ok(compiled)
}

/// Whether the machine code can be a part of the program's own code: on Linux, for
/// the architectures that Cranelift supports.
#[allow(dead_code, reason = "other build scripts only compile")]
pub(crate) fn runs_in_place() -> Result<bool> {
    let architecture = env::var("CARGO_CFG_TARGET_ARCH")?;
    let compiled = ["aarch64", "riscv64", "s390x", "x86_64"];
    Ok(env::var("CARGO_CFG_TARGET_OS")? == "linux" && compiled.contains(&architecture.as_str()))
}

/// The same for the same component and the same compiler, which is in this
/// program with all its settings.
fn origin(component: &[u8]) -> Result<String> {
    let compiler = fs::metadata(env::current_exe()?)?;
    let mut hasher = DefaultHasher::new();
    (component, compiler.len(), compiler.modified()?).hash(&mut hasher);
    Ok(format!("{:016x}", hasher.finish()))
}

/// Machine code of `component`, made anew.
pub(crate) fn compile(component: &[u8], target: &str) -> Result<Vec<u8>> {
    let engine = engine(target).map_err(|error| {
        format!("this build cannot make machine code for {target}: {error:#}; build with the feature `cross`")
    })?;
    engine.precompile_component(component).map_err(|error| {
        format!("the login component cannot be compiled for {target}: {error:#}").into()
    })
}

/// Naming the target also keeps out the special instructions of the processor
/// that happens to build this.
fn engine(target: &str) -> wasmtime::Result<Engine> {
    let mut config = config::config();
    config.target(target)?;
    if !target.contains("windows") {
        // Nothing unwinds through the component, and registering this costs
        // time at every start. Windows asks for it.
        config.native_unwind_info(false);
    }
    Engine::new(&config)
}
