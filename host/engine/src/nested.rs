//! Runs cargo inside a build, for a target of WebAssembly.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::Result;
use crate::component::{self, Kind};
use crate::folders::Folders;
use crate::toolchain::{self, Toolchain};

/// The profile of the workspace that says how components are optimised.
const PROFILE: &str = "component";

/// The target of components without imports: its standard library asks for nothing.
const BARE: &str = "wasm32-unknown-unknown";

/// The target of programs that import WASI 0.2.
const WASI: &str = "wasm32-wasip2";

/// One run of cargo.
struct Build<'a> {
    target: &'static str,
    package: &'a str,
    /// Name of the output file.
    file: &'a str,
    /// More flags for the compiler.
    flags: &'a [&'static str],
    variables: &'a [(&'a str, String)],
}

/// Builds a component from the sources in a checkout, again if they have changed. Their
/// tests do not count.
///
/// # Errors
///
/// Fails if there is no compiler for components, or if it rejects the sources.
pub fn component(workspace: &Path, folders: &Folders, kind: &Kind) -> Result<Vec<u8>> {
    watch_workspace(folders);
    for folder in kind.folders {
        folders.watch(&format!("{folder}/Cargo.toml"));
        for source in fs::read_dir(workspace.join(folder).join("src"))? {
            let name = source?.file_name().to_string_lossy().into_owned();
            if name != "tests" {
                folders.watch(&format!("{folder}/src/{name}"));
            }
        }
    }
    let Kind { name, package, flags, .. } = kind;
    let file = format!("{}.wasm", package.replace('-', "_"));
    let build = Build { target: BARE, package, file: &file, flags, variables: &[] };
    component::wrap(&build.run(workspace, folders)?, name)
}

/// Builds the program `name` of a package of this workspace as a component that imports
/// WASI 0.2. `sources` are folders, from the root of the checkout; `variables` are
/// environment variables that its code reads at compile time.
///
/// # Errors
///
/// Fails if there is no compiler for WASI, or if it rejects the sources.
pub fn program(
    workspace: &Path,
    folders: &Folders,
    package: &str,
    name: &str,
    sources: &[&str],
    variables: &[(&str, String)],
) -> Result<Vec<u8>> {
    watch_workspace(folders);
    sources.iter().for_each(|source| folders.watch(source));
    let file = format!("{name}.wasm");
    Build { target: WASI, package, file: &file, flags: &[], variables }.run(workspace, folders)
}

fn watch_workspace(folders: &Folders) {
    for source in ["Cargo.lock", "Cargo.toml", "wit"] {
        folders.watch(source);
    }
}

impl Build<'_> {
    /// Runs cargo, and returns the output file.
    fn run(&self, workspace: &Path, folders: &Folders) -> Result<Vec<u8>> {
        let toolchain = toolchain::find(self.target)?;
        // A separate folder, because the surrounding cargo has locked its own folder.
        let target_folder = folders.shared.join("guest");

        let mut cargo = cargo(&toolchain);
        cargo
            .current_dir(workspace)
            .args(["build", "--quiet", "--locked", "--package", self.package])
            .args(["--profile", PROFILE, "--target", self.target, "--target-dir"])
            .arg(&target_folder)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .env(
                "CARGO_ENCODED_RUSTFLAGS",
                flags(workspace, &target_folder, &toolchain, self.flags),
            );
        let status = cargo.status().map_err(|error| format!("{cargo:?} cannot be run: {error}"))?;
        if !status.success() {
            let package = self.package;
            return Err(
                format!("{package} was not built; the compiler's message above says why").into()
            );
        }

        let made = target_folder.join(self.target).join(PROFILE).join(self.file);
        fs::read(&made)
            .map_err(|error| format!("{} cannot be read: {error}", made.display()).into())
    }
}

/// Returns cargo as it would run outside this build.
fn cargo(toolchain: &Toolchain) -> Command {
    let mut cargo = Command::new(&toolchain.compiler.cargo);
    for (name, _) in env::vars_os().filter(|(name, _)| is_of_surrounding_build(name)) {
        cargo.env_remove(name);
    }
    cargo.env("RUSTC", &toolchain.compiler.rustc);
    if let Some(linker) = &toolchain.linker {
        cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
    }
    if toolchain.builds_library {
        // Building the standard library is not a stable feature.
        cargo.env("RUSTC_BOOTSTRAP", "1").args(["-Z", "build-std=std,panic_abort"]);
    }
    cargo
}

/// Returns whether a variable says how to build the surrounding package. Variables that say
/// where cargo keeps and fetches crates are kept.
fn is_of_surrounding_build(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let about_crates = ["CARGO_HOME", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTR"];
    let about_building =
        ["CARGO", "RUSTC", "RUSTDOC", "RUSTFLAGS", "RUSTUP_TOOLCHAIN", "MAKEFLAGS", "MFLAGS"];
    let starts_with_one_of =
        |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    starts_with_one_of(&about_building) && !starts_with_one_of(&about_crates)
}

/// Returns the compiler's flags, in the format of `CARGO_ENCODED_RUSTFLAGS`.
///
/// They keep this machine's paths out of panic messages, so that the same sources and
/// compiler give the same bytes in every folder. The last flag that matches a path wins, so
/// the outer folders come first.
fn flags(workspace: &Path, target_folder: &Path, toolchain: &Toolchain, more: &[&str]) -> OsString {
    let mut renamed = vec![(workspace.to_path_buf(), "/latchstring")];
    renamed.push((target_folder.to_path_buf(), "/target"));
    renamed.push((toolchain.compiler.library_source(), "/rust"));
    renamed.extend(crate_folders().into_iter().map(|folder| (folder, "/crates")));

    let flags = renamed.into_iter().map(|(folder, name)| {
        let mut flag = OsString::from("--remap-path-prefix=");
        flag.push(folder);
        flag.push("=");
        flag.push(name);
        flag
    });
    flags.chain(more.iter().map(OsString::from)).collect::<Vec<_>>().join(OsStr::new("\u{1f}"))
}

/// Returns the folders into which cargo unpacks crates, one for each registry or mirror.
/// They exist, because this program uses such crates.
fn crate_folders() -> Vec<PathBuf> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    let folders = home.map(|home| fs::read_dir(home.join("registry/src")));
    let Some(Ok(folders)) = folders else { return Vec::new() };
    folders.flatten().map(|folder| folder.path()).collect()
}
