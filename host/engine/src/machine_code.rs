//! Compiles components ahead of time for the target of this build.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::{env, fs};

use wasmtime::{Config, Engine};

use crate::Result;
use crate::folders::Folders;

/// Returns machine code of `component` that runs on every processor of this target.
///
/// It is compiled only if the component or this compiler has changed: an unoptimised
/// compiler, as in build scripts, is slow.
///
/// # Errors
///
/// Fails like [`compile`], or if the output folder cannot be written.
pub fn of(component: &[u8], settings: Config, folders: &Folders) -> Result<Vec<u8>> {
    let (made, made_from) =
        (folders.out.join("component.cwasm"), folders.out.join("component.cwasm.from"));
    let from = origin(component)?;
    if fs::read_to_string(&made_from).is_ok_and(|earlier| earlier == from) {
        return Ok(fs::read(made)?);
    }

    let compiled = compile(component, settings)?;
    fs::write(made, &compiled)?;
    fs::write(made_from, from)?;
    Ok(compiled)
}

/// Returns whether the machine code can be part of the program's own code: on Linux and
/// macOS, on the architectures that Cranelift supports.
///
/// # Errors
///
/// Fails outside a build script.
pub fn runs_in_place() -> Result<bool> {
    let architecture = env::var("CARGO_CFG_TARGET_ARCH")?;
    let compiled = ["aarch64", "riscv64", "s390x", "x86_64"];
    let system = env::var("CARGO_CFG_TARGET_OS")?;
    Ok(["linux", "macos"].contains(&system.as_str()) && compiled.contains(&architecture.as_str()))
}

/// Returns a hash of the component and of this program, which contains the compiler and all
/// its settings.
fn origin(component: &[u8]) -> Result<String> {
    let compiler = fs::metadata(env::current_exe()?)?;
    let mut hasher = DefaultHasher::new();
    (component, compiler.len(), compiler.modified()?).hash(&mut hasher);
    Ok(format!("{:016x}", hasher.finish()))
}

/// Returns machine code of `component`.
///
/// # Errors
///
/// Fails if this compiler has no support for the target, or rejects the component.
pub fn compile(component: &[u8], settings: Config) -> Result<Vec<u8>> {
    let target = env::var("TARGET")?;
    let engine = engine(settings, &target).map_err(|error| {
        format!("this build cannot make machine code for {target}: {error:#}; build with the feature `cross`")
    })?;
    engine
        .precompile_component(component)
        .map_err(|error| format!("the component cannot be compiled for {target}: {error:#}").into())
}

/// Returns the compiler. Naming the target also prevents instructions that only this
/// machine's processor has.
fn engine(mut config: Config, target: &str) -> wasmtime::Result<Engine> {
    config.target(target)?;
    if !target.contains("windows") {
        // Nothing unwinds through the component, and registering unwind information would
        // take time at every start. Windows requires it.
        config.native_unwind_info(false);
    }
    Engine::new(&config)
}
