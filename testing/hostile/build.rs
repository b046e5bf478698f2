//! Compiles the hostile components with the login component's own build: the same
//! compilers and settings.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use latchstring_engine::component::{self, Kind, LOGIN};
use latchstring_engine::{Folders, Result, finish, machine_code, nested, settings};

/// The component that misbehaves when it runs. It exports what a login component does.
const ACTOR: Kind = Kind {
    name: "hostile component",
    package: "latchstring-hostile-component",
    folders: &["testing/hostile/component"],
    export: LOGIN.export,
    flags: &[],
};

/// Components that are rejected before they run. Each has its own text file.
const TEXTS: [&str; 4] = ["empty", "greedy", "stranger", "types"];

fn main() -> ExitCode {
    finish(embed())
}

fn embed() -> Result<()> {
    let folders = Folders::of_this_build("../..")?;
    let workspace = folders.workspace().ok_or("they are built in a checkout, and this is none")?;
    let actor = nested::component(&workspace, &folders, &ACTOR)?;
    component::check(&actor, &ACTOR)?;
    machine_code::of(&actor, settings(), &folders)?;
    fs::write(folders.out.join("actor.wasm"), &actor)?;

    for name in TEXTS {
        let text = Path::new("src").join(name).with_extension("wat");
        println!("cargo::rerun-if-changed={}", text.display());
        let component = wat::parse_file(folders.package.join(text))?;
        let compiled = machine_code::compile(&component, settings())?;
        fs::write(folders.out.join(name).with_extension("cwasm"), compiled)?;
    }
    Ok(())
}
