//! Key files with age identities, as `age-keygen` writes them.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::Path;

use age::secrecy::ExposeSecret as _;
use age::x25519::Identity;
use zeroize::Zeroizing;

use super::super::failure::{cannot, reason, unusable};
use super::super::guard;
use crate::error::Error;
use crate::files;

/// Largest key file, in bytes: thousands of identities with comments.
const LIMIT: u64 = 64 * 1024;

/// Returns the identities in the file; at least one.
pub(super) fn read(path: &Path) -> Result<Vec<Identity>, Error> {
    let remedy = "use a key file that belongs to you";
    let check = |metadata: &Metadata| guard::check_private(metadata, path, "600", remedy);
    parse(&read_text(path, check)?, path)
}

/// Returns the identities in a credential, which systemd made; at least one.
pub(super) fn read_credential(path: &Path) -> Result<Vec<Identity>, Error> {
    parse(&read_text(path, |metadata| guard::check_credential(metadata, path))?, path)
}

fn parse(text: &str, path: &Path) -> Result<Vec<Identity>, Error> {
    let mut identities = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        // The line is not shown, because it may be a secret with a typo.
        identities.push(line.parse().map_err(|_| {
            unusable(
                format!(
                    "line {} of the key file {} is not an age identity",
                    index + 1,
                    path.display()
                ),
                "use a file that age-keygen or latchstring made; it contains AGE-SECRET-KEY-1…",
            )
        })?);
    }
    if identities.is_empty() {
        return Err(unusable(
            format!("the key file {} contains no age identity", path.display()),
            "use a file that age-keygen or latchstring made",
        ));
    }
    Ok(identities)
}

/// Creates the file with a new identity, complete or not at all.
pub(super) fn create(path: &Path) -> Result<(), Error> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let failed = |error: std::io::Error| {
        if error.kind() == ErrorKind::AlreadyExists {
            return unusable(
                format!("{} already exists; a key file is never replaced", path.display()),
                "use it, or choose another name",
            );
        }
        let message = format!("cannot create the key file {}: {}", path.display(), reason(&error));
        unusable(message, "make its folder writable, or choose another folder")
    };
    files::create_folders(folder).map_err(failed)?;
    let mut file = files::new_private(folder, ".key.", ".tmp").map_err(failed)?;
    let identity = Identity::generate();
    let text = Zeroizing::new(format!(
        "# Anyone who has this file can read the sessions that latchstring encrypts with it.\n\
         # public key: {}\n{}\n",
        identity.to_public(),
        identity.to_string().expose_secret(),
    ));
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    files::put_new(file, path).map_err(failed)?;
    guard::sync_folder(folder).map_err(failed)
}

fn read_text(
    path: &Path,
    check: impl FnOnce(&Metadata) -> Result<(), Error>,
) -> Result<Zeroizing<String>, Error> {
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => unusable(
            format!("the key file {} does not exist", path.display()),
            "restore it, or create a new one and log in again",
        ),
        ErrorKind::InvalidData => unusable(
            format!("the key file {} is not text", path.display()),
            "use a file that age-keygen or latchstring made",
        ),
        _ => cannot("read", path, &error),
    };
    // Checked before the file is opened, because opening a pipe would wait. A symbolic link
    // is the user's choice and is followed.
    let is_file = path.metadata().map_err(failed)?.is_file();
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !is_file || metadata.len() > LIMIT {
        return Err(unusable(
            format!("{} is not a key file of at most {LIMIT} bytes", path.display()),
            "use a file that age-keygen or latchstring made",
        ));
    }
    check(&metadata)?;
    let mut text = Zeroizing::new(String::with_capacity(LIMIT as usize));
    file.take(LIMIT).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}
