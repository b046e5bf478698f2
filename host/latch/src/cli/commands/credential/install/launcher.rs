//! Launchers: programs with the name that another program looks for, each of which is `latch`.
//!
//! On Unix they are symbolic links. Those need a privilege on Windows, and a hard link to a
//! program that runs cannot be removed there, so there they are copies.

use std::io;
use std::path::{Path, PathBuf};

use latchstring::{Code, Error};

/// Returns the file of this program. As `PATH` names it: where that is a link, it may lead to
/// another version tomorrow.
pub(super) fn program() -> Result<PathBuf, Error> {
    let own = std::env::current_exe().and_then(dunce::canonicalize).map_err(|error| {
        Error::new(
            Code::HostFault,
            format!("the file of this program cannot be found: {error}"),
            "run latch by its full path",
        )
    })?;
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let named = own.file_name().unwrap_or_default();
    let mut found = std::env::split_paths(&folders).filter(|folder| folder.is_absolute());
    let found = found.find_map(|folder| {
        let path = folder.join(named);
        dunce::canonicalize(&path).is_ok_and(|there| there == own).then_some(path)
    });
    Ok(found.unwrap_or(own))
}

/// Returns whether the launcher is this version of this program.
pub(super) fn is_current(launcher: &Path) -> bool {
    program().is_ok_and(|program| leads_to(launcher, &program))
}

/// Makes a launcher. A file that is there is replaced only if it `is_known`: if `latch` once
/// made a launcher there.
pub(super) fn make(launcher: &Path, is_known: bool) -> Result<(), Error> {
    let program = program()?;
    if leads_to(launcher, &program) {
        return Ok(());
    }
    let failed = |error: io::Error| {
        Error::new(
            Code::NotSaved,
            format!("{} cannot be made: {error}", launcher.display()),
            "choose another folder with --launcher-dir",
        )
    };
    if launcher.symlink_metadata().is_ok() {
        if !is_known || cfg!(unix) && !launcher.is_symlink() {
            return Err(Error::new(
                Code::InvalidConfiguration,
                format!("{} is there already, and is not latch's", launcher.display()),
                "remove it, or choose another folder with --launcher-dir",
            ));
        }
        std::fs::remove_file(launcher).map_err(failed)?;
    }
    std::fs::create_dir_all(launcher.parent().unwrap_or(launcher)).map_err(failed)?;
    link(&program, launcher).map_err(failed)
}

/// Removes a launcher, if it is one.
pub(super) fn remove(launcher: &Path) {
    if is_current(launcher) {
        // One that stays does no harm.
        let _ = std::fs::remove_file(launcher);
    }
}

#[cfg(unix)]
fn leads_to(launcher: &Path, program: &Path) -> bool {
    std::fs::read_link(launcher).is_ok_and(|target| target == program)
}

#[cfg(not(unix))]
fn leads_to(launcher: &Path, program: &Path) -> bool {
    let size = |path: &Path| std::fs::metadata(path).map(|metadata| metadata.len()).ok();
    size(launcher).is_some_and(|it| Some(it) == size(program))
        && std::fs::read(launcher).ok() == std::fs::read(program).ok()
}

#[cfg(unix)]
fn link(program: &Path, launcher: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(program, launcher)
}

#[cfg(not(unix))]
fn link(program: &Path, launcher: &Path) -> io::Result<()> {
    std::fs::copy(program, launcher).map(|_size| ())
}
