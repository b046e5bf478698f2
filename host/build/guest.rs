//! Builds the core module of a component from a package of the workspace.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::Result;
use crate::folders::Folders;
use crate::toolchain::{self, TARGET, Toolchain};

/// Of the workspace; says how the component is optimised.
const PROFILE: &str = "component";

/// `package` is its name; it builds one library.
pub(crate) fn build(workspace: &Path, folders: &Folders, package: &str) -> Result<Vec<u8>> {
    let toolchain = toolchain::find()?;
    // Of its own, because the surrounding cargo holds the lock of its folder.
    let target_folder = folders.shared.join("guest");

    let mut cargo = cargo(&toolchain);
    cargo
        .current_dir(workspace)
        .args(["build", "--quiet", "--locked", "--package", package])
        .args(["--profile", PROFILE, "--target", TARGET, "--target-dir"])
        .arg(&target_folder)
        .env(
            "CARGO_ENCODED_RUSTFLAGS",
            same_paths_everywhere(workspace, &target_folder, &toolchain),
        );
    let status = cargo.status().map_err(|error| format!("{cargo:?} cannot be run: {error}"))?;
    if !status.success() {
        return Err(
            format!("{package} was not built; the compiler's message above says why").into()
        );
    }

    let module = target_folder.join(TARGET).join(PROFILE).join(package.replace('-', "_"));
    let module = module.with_extension("wasm");
    fs::read(&module)
        .map_err(|error| format!("{} cannot be read: {error}", module.display()).into())
}

/// Names to cargo what the component in `folder` is made of, by paths that hold in
/// any checkout: `up` leads from this package to the workspace. The component's own
/// tests are no part of it.
pub(crate) fn watch(workspace: &Path, up: &str, folder: &str) -> Result<()> {
    for source in ["Cargo.lock", "Cargo.toml", "wit"] {
        println!("cargo::rerun-if-changed={up}/{source}");
    }
    println!("cargo::rerun-if-changed={up}/{folder}/Cargo.toml");
    for source in fs::read_dir(workspace.join(folder).join("src"))? {
        let name = source?.file_name().to_string_lossy().into_owned();
        if name != "tests" {
            println!("cargo::rerun-if-changed={up}/{folder}/src/{name}");
        }
    }
    Ok(())
}

/// Cargo as it would run outside of this build.
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
        // Building the library along is not a stable feature.
        cargo.env("RUSTC_BOOTSTRAP", "1").args(["-Z", "build-std=std,panic_abort"]);
    }
    cargo
}

/// Whether a variable says how to build the surrounding package. Those that say
/// where cargo keeps and fetches crates hold for the component too.
fn is_of_surrounding_build(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let about_crates = ["CARGO_HOME", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTR"];
    let about_building =
        ["CARGO", "RUSTC", "RUSTDOC", "RUSTFLAGS", "RUSTUP_TOOLCHAIN", "MAKEFLAGS", "MFLAGS"];
    let starts_with_one_of =
        |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    starts_with_one_of(&about_building) && !starts_with_one_of(&about_crates)
}

/// Compiler flags that keep this machine's paths out of panic messages, so that
/// the same sources and compiler give the same bytes in every folder.
///
/// The last flag that fits a path wins, so the outer folders come first.
fn same_paths_everywhere(
    workspace: &Path,
    target_folder: &Path,
    toolchain: &Toolchain,
) -> OsString {
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
    // As CARGO_ENCODED_RUSTFLAGS wants them.
    flags.collect::<Vec<_>>().join(OsStr::new("\u{1f}"))
}

/// Where cargo unpacks crates: one folder for each registry or mirror. They are
/// there by now, as this program is made of such crates.
fn crate_folders() -> Vec<PathBuf> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    let folders = home.map(|home| fs::read_dir(home.join("registry/src")));
    let Some(Ok(folders)) = folders else { return Vec::new() };
    folders.flatten().map(|folder| folder.path()).collect()
}
