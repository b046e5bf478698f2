//! Finds a compiler that can build the component.

use std::env::consts::EXE_SUFFIX;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::Result;
use crate::folders::variable;

/// Where the packages of Linux distributions install a compiler.
const SYSTEM: &str = "/usr/bin";

pub(crate) struct Toolchain {
    pub(crate) compiler: Compiler,
    /// Whether the standard library must be built too.
    pub(crate) builds_library: bool,
    /// The linker; `None` if the compiler has its own.
    pub(crate) linker: Option<PathBuf>,
}

/// Returns the compiler of the surrounding build if it has the target. Otherwise returns
/// that of the system's packages, for machines on which rustup cannot download a target: it
/// has the target, or at least the sources of the standard library.
pub(crate) fn find(target: &str) -> Result<Toolchain> {
    let usual = Compiler::of(&variable("CARGO")?, &variable("RUSTC")?, target);
    if let Some(compiler) = usual.as_ref().filter(|compiler| compiler.has_target()) {
        return Ok(Toolchain { compiler: compiler.clone(), builds_library: false, linker: None });
    }

    let (cargo, rustc) = (Path::new(SYSTEM).join("cargo"), Path::new(SYSTEM).join("rustc"));
    let system = Compiler::of(&cargo, &rustc, target)
        .filter(|compiler| compiler.has_target() || can_build_library(target, compiler))
        .ok_or_else(|| no_toolchain(target))?;
    let linker = match system.linker() {
        Some(_) => None,
        None => usual.as_ref().and_then(Compiler::linker).or_else(wasm_ld),
    };
    Ok(Toolchain { builds_library: !system.has_target(), compiler: system, linker })
}

/// Returns whether the compiler can build the standard library of the target. That of WASI
/// needs a C library too.
fn can_build_library(target: &str, compiler: &Compiler) -> bool {
    !target.contains("wasi") && compiler.has_library_source()
}

fn no_toolchain(target: &str) -> String {
    format!(
        "a component cannot be built: the compiler has no standard library for {target}\n\
         run `rustup target add {target}`, or `./dev setup`"
    )
}

/// A cargo with its rustc.
#[derive(Clone)]
pub(crate) struct Compiler {
    pub(crate) cargo: PathBuf,
    pub(crate) rustc: PathBuf,
    sysroot: PathBuf,
    target_library: PathBuf,
}

impl Compiler {
    fn of(cargo: &Path, rustc: &Path, target: &str) -> Option<Self> {
        let printed = Command::new(rustc)
            .args(["--print", "sysroot", "--print", "target-libdir", "--target", target])
            .output()
            .ok()
            .filter(|output| output.status.success())?;
        let printed = String::from_utf8(printed.stdout).ok()?;
        let (sysroot, target_library) = printed.trim_end().split_once('\n')?;
        let sysroot = PathBuf::from(sysroot.trim_end());

        // The compiler itself instead of rustup's proxy, which would choose again and
        // perhaps differently.
        let itself = sysroot.join("bin").join(format!("rustc{EXE_SUFFIX}"));
        let rustc = if itself.exists() { itself } else { rustc.to_path_buf() };
        let cargo = cargo.exists().then(|| cargo.to_path_buf())?;
        Some(Self { cargo, rustc, sysroot, target_library: target_library.into() })
    }

    fn has_target(&self) -> bool {
        self.target_library.is_dir()
    }

    fn has_library_source(&self) -> bool {
        self.library_source().join("library/Cargo.lock").exists()
    }

    pub(crate) fn library_source(&self) -> PathBuf {
        self.sysroot.join("lib/rustlib/src/rust")
    }

    fn linker(&self) -> Option<PathBuf> {
        let host = env::var("HOST").ok()?;
        let tools = self.sysroot.join("lib/rustlib").join(host).join("bin");
        Some(tools.join(format!("rust-lld{EXE_SUFFIX}"))).filter(|linker| linker.exists())
    }
}

/// Returns the linker that the LLVM packages install.
fn wasm_ld() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join("wasm-ld"))
        .find(|linker| fs::metadata(linker).is_ok())
}
