//! Where this build reads and writes.

use std::env;
use std::path::{Path, PathBuf};

use crate::Result;

pub(crate) struct Folders {
    /// Of this package.
    pub(crate) package: PathBuf,
    /// From this package to the checkout's root, such as `..`.
    up: &'static str,
    /// Of this run of the build script.
    pub(crate) out: PathBuf,
    /// For what every profile and every kind of run can share: building the
    /// component takes minutes, and its bytes are the same for all of them.
    pub(crate) shared: PathBuf,
}

impl Folders {
    /// `up` leads from the package to the root of a checkout.
    pub(crate) fn of_this_build(up: &'static str) -> Result<Self> {
        let package = variable("CARGO_MANIFEST_DIR")?;
        let out = variable("OUT_DIR")?;
        let shared = target_folder(&out).unwrap_or(&out).join("latchstring-component");
        Ok(Self { package, up, out, shared })
    }

    /// The checkout that this package is part of, if it is.
    pub(crate) fn workspace(&self) -> Option<PathBuf> {
        let levels = Path::new(self.up).components().count();
        let workspace = self.package.ancestors().nth(levels)?;
        let checkout =
            workspace.join("guest/Cargo.toml").exists() && workspace.join("wit").exists();
        checkout.then(|| workspace.to_path_buf())
    }

    /// Names to cargo what this build depends on, by paths that hold in any
    /// checkout.
    pub(crate) fn watch(&self, source: &str) {
        println!("cargo::rerun-if-changed={}/{source}", self.up);
    }
}

/// The target folder around `out`: cargo marks it for backup programs, and
/// `cargo clean` removes it.
fn target_folder(out: &Path) -> Option<&Path> {
    out.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists())
}

/// A path that cargo gives to every build script.
pub(crate) fn variable(name: &str) -> Result<PathBuf> {
    env::var_os(name)
        .map(PathBuf::from)
        .ok_or_else(|| format!("{name} is not set; run this through cargo").into())
}
