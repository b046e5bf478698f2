//! Arguments of `latch self`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

#[derive(Subcommand)]
pub(crate) enum SelfCommand {
    /// Check that a downloaded file is part of a release
    ///
    /// Checks the signature of SHA256SUMS with the project's key, which is built in, and the
    /// file's checksum. Needs SHA256SUMS and SHA256SUMS.minisig of the release in the file's
    /// folder, and no network.
    Verify(VerifyArgs),
}

#[derive(ClapArgs)]
pub(crate) struct VerifyArgs {
    /// File to check, under the name that it has in the release
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// Signature of SHA256SUMS [default: SHA256SUMS.minisig in the file's folder]
    #[arg(long, env = "LATCH_SIGNATURE", value_name = "FILE")]
    pub(crate) signature: Option<PathBuf>,
}
