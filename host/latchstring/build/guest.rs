//! Builds the core module of the component from `guest/`.

use std::path::Path;

use crate::Result;
use crate::folders::Folders;
use crate::nested;

pub(crate) fn build(workspace: &Path, folders: &Folders) -> Result<Vec<u8>> {
    nested::component(workspace, folders, "guest", "latchstring-guest", "login component")
}
