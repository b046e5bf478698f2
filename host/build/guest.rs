//! Builds the core module of the component from `guest/`.

use std::fs;
use std::path::Path;

use crate::Result;
use crate::folders::Folders;
use crate::nested;

pub(crate) fn build(workspace: &Path, folders: &Folders) -> Result<Vec<u8>> {
    watch(workspace, folders)?;
    nested::module(workspace, folders, "latchstring-guest", "login component", &[])
}

/// Names to cargo what the component is made of. The guest's own tests are no part
/// of it.
fn watch(workspace: &Path, folders: &Folders) -> Result<()> {
    for source in ["Cargo.lock", "Cargo.toml", "guest/Cargo.toml", "wit"] {
        folders.watch(source);
    }
    for source in fs::read_dir(workspace.join("guest/src"))? {
        let name = source?.file_name().to_string_lossy().into_owned();
        if name != "tests" {
            folders.watch(&format!("guest/src/{name}"));
        }
    }
    Ok(())
}
