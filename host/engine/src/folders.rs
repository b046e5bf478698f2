//! The folders that this build reads and writes.

use std::env;
use std::path::{Path, PathBuf};

use crate::Result;

/// The folders of one run of a build script.
pub struct Folders {
    /// The folder of this package.
    pub package: PathBuf,
    /// The relative path from this package to the checkout's root, such as `..`.
    up: &'static str,
    /// The output folder of this run of the build script.
    pub out: PathBuf,
    /// Folder shared by all profiles and kinds of runs: building the component takes
    /// minutes, and its bytes are the same for all of them.
    pub shared: PathBuf,
}

impl Folders {
    /// Returns the folders. `up` is the relative path from the package to the root of a
    /// checkout.
    ///
    /// # Errors
    ///
    /// Fails outside a build script.
    pub fn of_this_build(up: &'static str) -> Result<Self> {
        let package = variable("CARGO_MANIFEST_DIR")?;
        let out = variable("OUT_DIR")?;
        let shared = target_folder(&out).unwrap_or(&out).join("latchstring-component");
        Ok(Self { package, up, out, shared })
    }

    /// Returns the checkout that this package is part of, or `None` if it is in none.
    pub fn workspace(&self) -> Option<PathBuf> {
        let levels = Path::new(self.up).components().count();
        let workspace = self.package.ancestors().nth(levels)?;
        let checkout =
            workspace.join("guest/Cargo.toml").exists() && workspace.join("wit").exists();
        checkout.then(|| workspace.to_path_buf())
    }

    /// Tells cargo a file that this build depends on, by a path that is the same in every
    /// checkout.
    #[allow(clippy::print_stdout, reason = "cargo reads what a build script prints there")]
    pub fn watch(&self, source: &str) {
        println!("cargo::rerun-if-changed={}/{source}", self.up);
    }
}

/// Returns the target folder that `out` is in. Cargo marks it for backup programs, and
/// `cargo clean` removes it.
fn target_folder(out: &Path) -> Option<&Path> {
    out.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists())
}

/// Returns a path from an environment variable that cargo sets for build scripts.
pub(crate) fn variable(name: &str) -> Result<PathBuf> {
    env::var_os(name)
        .map(PathBuf::from)
        .ok_or_else(|| format!("{name} is not set; run this through cargo").into())
}
