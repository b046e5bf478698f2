//! Compiles the hostile components with the login component's own build: the same
//! compilers and settings.

#[path = "../../host/latchstring/build/component.rs"]
mod component;
#[path = "../../host/latchstring/src/sandbox/config.rs"]
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

use component::Kind;
use folders::Folders;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The component that misbehaves when it runs. It exports what a login component does.
const ACTOR: Kind = Kind {
    name: "hostile component",
    package: "latchstring-hostile-component",
    folders: &["testing/hostile/component"],
    export: component::LOGIN.export,
    flags: &[],
};

/// Components that are rejected before they run. Each has its own text file.
const TEXTS: [&str; 4] = ["empty", "greedy", "stranger", "types"];

#[allow(clippy::print_stderr, reason = "cargo shows what a build script prints there")]
fn main() -> ExitCode {
    match embed() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn embed() -> Result<()> {
    let folders = Folders::of_this_build("../..")?;
    let workspace = folders.workspace().ok_or("they are built in a checkout, and this is none")?;
    let actor = nested::component(&workspace, &folders, &ACTOR)?;
    component::check(&actor, &ACTOR)?;
    machine_code::of(&actor, &folders)?;
    fs::write(folders.out.join("actor.wasm"), &actor)?;

    let target = env::var("TARGET")?;
    for name in TEXTS {
        let text = Path::new("src").join(name).with_extension("wat");
        println!("cargo::rerun-if-changed={}", text.display());
        let component = wat::parse_file(folders.package.join(text))?;
        let compiled = machine_code::compile(&component, &target)?;
        fs::write(folders.out.join(name).with_extension("cwasm"), compiled)?;
    }
    Ok(())
}
