//! `latch credential`: the helper that other programs ask for a token.
//!
//! One file for each protocol, which says how the program asks and what it takes. All of
//! them find the session in the same way: see [`helper`].

mod aws;
mod bazel;
mod callers;
mod cargo;
mod docker;
mod exchanged;
pub(crate) mod gcloud;
mod git;
mod go;
mod helper;
pub(crate) mod install;
mod keyring;
mod kubernetes;
mod npm;
mod terraform;
mod vault;

use latchstring::{Code, Error};

use crate::cli::args::{CredentialArgs, CredentialCommand, Global};
use crate::cli::profile::Profile;
use crate::cli::{exit, stores};
use helper::Helper;

/// How a helper ends.
pub(super) enum End {
    /// Everything was said in the protocol's own way.
    Answered,
    /// The same, and the protocol wants this exit code with it.
    Exit(u8),
    /// The user has to be told on standard error.
    Failed(Error),
}

impl From<Result<(), Error>> for End {
    fn from(result: Result<(), Error>) -> Self {
        result.map_or_else(Self::Failed, |()| Self::Answered)
    }
}

impl End {
    /// For programs that hide what a helper says: a failure is told on the terminal too.
    fn with_terminal(result: Result<(), Error>) -> Self {
        if let Err(error) = &result {
            helper::tell_terminal(error);
        }
        result.into()
    }
}

/// Runs one request of a program. Returns the exit code.
pub(crate) async fn run(global: &Global, args: CredentialArgs) -> Result<u8, Error> {
    stores::ask_nothing();
    let CredentialArgs { audience, resource, command } = args;
    let given = Profile {
        audience,
        resources: resource.map(|resource| vec![resource]),
        ..Profile::default()
    };
    let helper = Helper { global: global.clone(), given };
    let end = match command {
        CredentialCommand::Install(args) => install::install(&helper, &args).into(),
        CredentialCommand::Uninstall(args) => install::uninstall(&helper, &args).into(),
        CredentialCommand::List => install::list(global).into(),
        CredentialCommand::Kubernetes(args) => kubernetes::run(&helper, &args).await,
        CredentialCommand::Git(args) => git::run(&helper, &args).await,
        CredentialCommand::Docker(args) => docker::run(&helper, &args).await,
        CredentialCommand::Aws(args) => aws::run(&helper, &args).await,
        CredentialCommand::Cargo(args) => cargo::run(&helper, &args).await,
        CredentialCommand::Go(args) => go::run(&helper, &args).await,
        CredentialCommand::Keyring(args) => keyring::run(&helper, &args).await,
        CredentialCommand::Npm => npm::run(&helper).await,
        CredentialCommand::Gcloud => gcloud::run(&helper).await,
        CredentialCommand::Terraform(args) => terraform::run(&helper, &args).await,
        CredentialCommand::Bazel(args) => bazel::run(&helper, &args).await,
        CredentialCommand::Vault(args) => vault::run(&helper, &args).await,
    };
    match end {
        End::Answered => Ok(0),
        End::Exit(code) => Ok(code),
        End::Failed(error) => Err(error),
    }
}

/// The error for input that does not follow the protocol.
fn malformed(what: impl Into<String>) -> Error {
    Error::new(
        Code::InvalidConfiguration,
        what,
        "this command is for other programs: see docs/helpers.md for how to set them up",
    )
}

/// Exit code of a helper that has nothing to say.
const NOTHING: u8 = exit::FAILURE;
