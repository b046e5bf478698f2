//! pip and uv: the command `keyring`
//! ([keyring](https://github.com/jaraco/keyring), `--keyring-provider subprocess`).
//!
//! ```text
//! keyring get SERVICE USER                                ->  the password
//! keyring get SERVICE [USER] --mode creds                 ->  the user name, the password
//! keyring --mode=creds --output=json get SERVICE [USER]   ->  {"username":...,"password":...}
//! ```
//!
//! SERVICE is the URL of an index or its host. Nothing, with exit code 1, means that there
//! is no password.

use latchstring::Error;
use serde::Serialize;

use super::helper::{self, Helper, Kind, tell_terminal};
use super::{End, NOTHING, malformed};
use crate::cli::args::{KeyringArgs, KeyringMode, KeyringOutput};
use crate::cli::output;

#[derive(Serialize)]
struct Credential<'a> {
    username: &'a str,
    password: &'a str,
}

pub(super) async fn run(helper: &Helper, args: &KeyringArgs) -> End {
    let result = match args.operation.as_str() {
        "get" => get(helper, args).await,
        // What pip offers to keep after it has asked the user: not ours.
        "set" | "del" => helper::input().map(|_| End::Exit(NOTHING)),
        _ => Err(malformed("expected one of: get, set, del")),
    };
    result.unwrap_or_else(|error| {
        tell_terminal(&error);
        End::Failed(error)
    })
}

async fn get(helper: &Helper, args: &KeyringArgs) -> Result<End, Error> {
    let session = helper.session_for_text(args.service.as_deref().unwrap_or_default())?;
    let Some(session) = session else { return Ok(End::Exit(NOTHING)) };
    let issued = session.issue(Kind::Access, None).await?;
    let credential =
        Credential { username: session.username(args.username.as_deref()), password: &issued.text };
    match (args.mode, args.output) {
        (_, Some(KeyringOutput::Json)) => output::compact(&credential)?,
        (Some(KeyringMode::Creds), _) => {
            output::line(credential.username)?;
            output::line(credential.password)?;
        }
        _ => output::line(credential.password)?,
    }
    Ok(End::Answered)
}
