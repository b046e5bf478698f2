//! gcloud, and every program on google-auth: executable-sourced external accounts
//! ([AIP-4117](https://google.aip.dev/auth/4117)).
//!
//! The request is in the environment. The answer is one object, with exit code 0 for a
//! failure too. Standard error is read as a part of it, so nothing is said there.

use latchstring::{Error, code_name};
use serde::Serialize;
use serde_json::{Value, json};

use super::End;
use super::helper::{Helper, Issued, Kind, unix_seconds};
use crate::cli::output;

const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";

/// Returns a credential file of Google's libraries: `source` says where they find the ID
/// token, for which their service gives them another.
pub(crate) fn credential_file(audience: &str, source: &Value) -> Value {
    json!({
        "type": "external_account",
        "audience": audience,
        "subject_token_type": ID_TOKEN,
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": source,
    })
}

#[derive(Serialize)]
struct Success<'a> {
    version: u8,
    success: bool,
    token_type: &'static str,
    id_token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration_time: Option<u64>,
}

#[derive(Serialize)]
struct Failure<'a> {
    version: u8,
    success: bool,
    code: &'static str,
    message: &'a str,
}

pub(super) async fn run(helper: &Helper) -> End {
    let issued = match helper.session_of_profile() {
        Ok(session) => session.issue(Kind::Id, None).await,
        Err(error) => Err(error),
    };
    answer(issued).into()
}

fn answer(issued: Result<Issued, Error>) -> Result<(), Error> {
    match issued {
        Ok(issued) => output::compact(&Success {
            version: 1,
            success: true,
            token_type: ID_TOKEN,
            id_token: &issued.text,
            expiration_time: issued.told_expiry.map(unix_seconds),
        }),
        Err(error) => output::compact(&Failure {
            version: 1,
            success: false,
            code: code_name(error.code()),
            message: &format!("{}; {}", error.message(), error.remedy()),
        }),
    }
}
