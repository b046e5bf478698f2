//! docker, podman, skopeo, buildah, oras and other clients of OCI registries
//! ([docker-credential-helpers](https://github.com/docker/docker-credential-helpers)).
//!
//! The program is `docker-credential-latch`, with one argument. For `get` and `erase`, the
//! registry comes on standard input, as it is in the program's settings.
//!
//! ```text
//! get  registry.example.com  ->  {"ServerURL":...,"Username":...,"Secret":...}
//! ```
//!
//! Errors go to standard output, with exit code 1: clients drop standard error.

use latchstring::Error;
use serde::Serialize;

use super::helper::{self, Helper, Kind, tell_terminal};
use super::{End, NOTHING};
use crate::cli::args::DockerArgs;
use crate::cli::output;

/// Means, in exactly these words, that the client shall go on without a login.
const NOT_OURS: &str = "credentials not found in native keychain";

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Credential<'a> {
    #[serde(rename = "ServerURL")]
    server_url: &'a str,
    username: &'a str,
    secret: &'a str,
}

pub(super) async fn run(helper: &Helper, args: &DockerArgs) -> End {
    let result = match args.operation.as_str() {
        "get" => get(helper, args).await,
        "list" => say("{}"),
        "version" => say(concat!("docker-credential-latch ", env!("CARGO_PKG_VERSION"))),
        // The session is not the registry's: `docker login` and `docker logout` do not
        // change it.
        "store" | "erase" => refuse("latch keeps no passwords: log in with latch login"),
        _ => refuse("expected one of: get, store, erase, list, version"),
    };
    // Whatever fails, the client reads standard output alone.
    result.or_else(|error| explain(&error)).unwrap_or_else(End::Failed)
}

async fn get(helper: &Helper, args: &DockerArgs) -> Result<End, Error> {
    let input = helper::input()?;
    let server = input.trim();
    let Some(session) = helper.session_for_text(server)? else { return refuse(NOT_OURS) };
    let issued = session.issue(Kind::Access, None).await?;
    // GitLab and Harbor want the user's own name.
    let username = session.username(args.username.as_deref());
    let credential = Credential { server_url: server, username, secret: &issued.text };
    output::compact(&credential).map(|()| End::Answered)
}

fn explain(error: &Error) -> Result<End, Error> {
    tell_terminal(error);
    refuse(&format!("latch: {}; {}", error.message(), error.remedy()))
}

fn say(text: &str) -> Result<End, Error> {
    output::line(text).map(|()| End::Answered)
}

fn refuse(words: &str) -> Result<End, Error> {
    output::line(words).map(|()| End::Exit(NOTHING))
}
