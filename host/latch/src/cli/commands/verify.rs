//! `latch self verify`: whether a downloaded file is part of a release of this project.
//!
//! The project's key signs the list of checksums, so one signature covers every file.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use latchstring::{Code, Error};
use minisign_verify::{PublicKey, Signature};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::cli::args::{Global, VerifyArgs};
use crate::cli::output;

/// The public key that releases are signed with, in minisign's format. A packager can set
/// another one for the build; a build without any cannot verify.
const KEY: &str = match option_env!("LATCHSTRING_RELEASE_KEY") {
    Some(key) => key,
    None => include_str!("../release.pub"),
};

const LIST: &str = "SHA256SUMS";
const SIGNATURE: &str = "SHA256SUMS.minisig";

/// In bytes: far more than the list of any release.
const MAX_LENGTH: u64 = 1 << 20;

/// A file that the key vouches for.
#[derive(Debug)]
struct Verified {
    /// What the signer says about the release: its name and version.
    release: String,
    sha256: String,
}

pub(crate) fn run(global: &Global, args: &VerifyArgs) -> Result<(), Error> {
    let verified = verify(KEY, &args.file, args.signature.as_deref())?;
    if global.json {
        return output::document(&json!({
            "file": args.file.display().to_string(),
            "release": verified.release,
            "sha256": verified.sha256,
        }));
    }
    output::line(&format!("release  {}", verified.release))?;
    output::line(&format!("sha256   {}", verified.sha256))
}

/// Checks `file` against the signed list beside it; if it is the list, checks its signature.
fn verify(key: &str, file: &Path, signature: Option<&Path>) -> Result<Verified, Error> {
    let key = public_key(key)?;
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let list = file.with_file_name(LIST);
    let signature = signature.map_or_else(|| file.with_file_name(SIGNATURE), PathBuf::from);

    let text = short_text(&list)?;
    let signature = Signature::decode(&short_text(&signature)?).map_err(|_| {
        refused(
            format!("{} is not a signature; one of minisign was expected", signature.display()),
            "download it again",
        )
    })?;
    // Signatures of the whole text, which older versions of minisign made, are not accepted.
    key.verify(text.as_bytes(), &signature, false).map_err(|_| {
        refused(
            format!("{} is not signed with the key of this project", list.display()),
            "do not use the download; get the release from the project's own page",
        )
    })?;
    let release = signature.trusted_comment().to_owned();

    let sha256 = checksum(file).map_err(|error| unread(file, &error))?;
    match listed(&text, name) {
        _ if name == LIST => {}
        Some(expected) if expected == sha256 => {}
        Some(_) => {
            return Err(refused(
                format!("{} differs from the file of the release", file.display()),
                "do not use it; download it again from the project's own page",
            ));
        }
        None => {
            return Err(refused(
                format!("the release has no file {name}: {}", list.display()),
                "give the file its original name, and put it into one folder with SHA256SUMS of its release",
            ));
        }
    }
    Ok(Verified { release, sha256 })
}

/// Reads the key from a file of minisign, or from its last line alone.
fn public_key(text: &str) -> Result<PublicKey, Error> {
    let is_key = |line: &&str| !line.is_empty() && !line.starts_with("untrusted comment:");
    let key = text.lines().map(str::trim).find(is_key).unwrap_or_default();
    if key.is_empty() {
        return Err(refused(
            "this build of latch has no key of releases, so it cannot verify one",
            "verify with a released latch, or with minisign and the key from the project's page",
        ));
    }
    PublicKey::from_base64(key).map_err(|_| {
        refused("the key that this latch was built with is damaged", "use a released latch")
    })
}

/// Returns the checksum that a list in the format of sha256sum has for the file `name`.
fn listed<'a>(list: &'a str, name: &str) -> Option<&'a str> {
    let entries = list.lines().filter_map(|line| line.split_once("  "));
    entries.filter(|(_, listed)| *listed == name).map(|(sha256, _)| sha256).next()
}

fn checksum(file: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    io::copy(&mut File::open(file)?, &mut hasher)?;
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn short_text(file: &Path) -> Result<String, Error> {
    let mut text = String::new();
    let read =
        File::open(file).and_then(|opened| opened.take(MAX_LENGTH).read_to_string(&mut text));
    match read {
        Ok(_) => Ok(text),
        Err(error) => Err(unread(file, &error)),
    }
}

fn unread(file: &Path, error: &io::Error) -> Error {
    refused(
        format!("{} cannot be read: {error}", file.display()),
        "download SHA256SUMS and SHA256SUMS.minisig of the release into the same folder",
    )
}

fn refused(message: impl Into<String>, remedy: &str) -> Error {
    Error::new(Code::HostFault, message, remedy)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const TEST_KEY: &str = "\
untrusted comment: minisign public key 9616F1343E21AC56
RWRWrCE+NPEWliTjCx5/5D/+jy4f9dChD9+GQsyLu0jnlnHG0bE7qgDy
";
    const OTHER_KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    const DOWNLOAD: &str = "what was downloaded\n";
    const SUMS: &str =
        "3440c4e0a0f9a1a2a3a48abff905d99b9b89033cca694bc080e360e0a7085665  latch.tar.gz\n";
    const SIGNED: &str = "\
untrusted comment: signature from minisign secret key
RURWrCE+NPEWlgVAkcu2jX+pRZ/CfyYdbxOkpK4ynTqGShfa0tiZ84OtBwCXcQux2dYjRMBxol61J6QTv9BuYuk9i0ahi+KPqAE=
trusted comment: latchstring 0.1.0
0nlfBT+plWwlOVxS8zQ/FgRQitk1Pae7HM1j48jlGkFqWszgCgrOVYVl0IxUowXYSofgxTLgLtgn8ArSUMrJDw==
";

    /// What differs, the key, names and texts of files, the file to verify, part of the error.
    type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a str, &'a str);

    /// Verifies the file `name` of a folder with these files.
    fn outcome(key: &str, files: &[(&str, &str)], name: &str) -> Result<Verified, String> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, text) in files {
            fs::write(folder.path().join(name), text).expect("a file");
        }
        verify(key, &folder.path().join(name), None).map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_of_a_signed_release_is_verified() {
        let files = [("latch.tar.gz", DOWNLOAD), (LIST, SUMS), (SIGNATURE, SIGNED)];
        for name in ["latch.tar.gz", LIST] {
            let verified = outcome(TEST_KEY, &files, name).expect("a verified file");
            assert_eq!(verified.release, "latchstring 0.1.0", "{name}");
        }
    }

    #[test]
    fn what_differs_from_the_signed_release_is_refused() {
        let changed = SUMS.replace("3440", "3441");
        let comment = SIGNED.replace("0.1.0", "0.1.1");
        let cases: [Case; 8] = [
            (
                "another file",
                TEST_KEY,
                &[("latch.tar.gz", "malware"), (LIST, SUMS), (SIGNATURE, SIGNED)],
                "latch.tar.gz",
                "differs from the file of the release",
            ),
            (
                "another name",
                TEST_KEY,
                &[("other.tar.gz", DOWNLOAD), (LIST, SUMS), (SIGNATURE, SIGNED)],
                "other.tar.gz",
                "the release has no file other.tar.gz",
            ),
            (
                "a changed list",
                TEST_KEY,
                &[("latch.tar.gz", DOWNLOAD), (LIST, &changed), (SIGNATURE, SIGNED)],
                "latch.tar.gz",
                "is not signed with the key of this project",
            ),
            (
                "another version in the signature's comment",
                TEST_KEY,
                &[("latch.tar.gz", DOWNLOAD), (LIST, SUMS), (SIGNATURE, &comment)],
                "latch.tar.gz",
                "is not signed with the key of this project",
            ),
            (
                "the key of another project",
                OTHER_KEY,
                &[("latch.tar.gz", DOWNLOAD), (LIST, SUMS), (SIGNATURE, SIGNED)],
                "latch.tar.gz",
                "is not signed with the key of this project",
            ),
            (
                "no signature",
                TEST_KEY,
                &[("latch.tar.gz", DOWNLOAD), (LIST, SUMS)],
                "latch.tar.gz",
                "cannot be read",
            ),
            (
                "something else as a signature",
                TEST_KEY,
                &[("latch.tar.gz", DOWNLOAD), (LIST, SUMS), (SIGNATURE, "<html>")],
                "latch.tar.gz",
                "is not a signature",
            ),
            (
                "a build without a key",
                "untrusted comment: none yet\n",
                &[("latch.tar.gz", DOWNLOAD), (LIST, SUMS), (SIGNATURE, SIGNED)],
                "latch.tar.gz",
                "has no key of releases",
            ),
        ];
        for (case, key, files, name, expected) in cases {
            let refusal = outcome(key, files, name).expect_err(case);
            assert!(refusal.contains(expected), "{case}: {refusal}");
        }
    }
}
