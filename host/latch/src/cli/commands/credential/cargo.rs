//! cargo: `credential-provider`
//! ([credential provider protocol](https://doc.rust-lang.org/cargo/reference/credential-provider-protocol.html)).
//!
//! The program is run with `--cargo-plugin` alone; the configured arguments come with each
//! request. It says which versions it knows, then answers one line with one line until the
//! input ends.
//!
//! ```text
//! {"v":[1]}
//! {"v":1,"kind":"get","operation":"read","registry":{"index-url":"sparse+https://..."},"args":[]}
//!     -> {"Ok":{"kind":"get","token":"Bearer ...","cache":"expires","expiration":...,
//!         "operation_independent":true}}
//! ```
//!
//! The token is the whole value of the header `Authorization`.

use std::io::{BufRead as _, stdin};

use latchstring::Error;
use serde::{Deserialize, Serialize};

use super::helper::{Helper, Issued, Kind, unix_seconds};
use super::{End, malformed};
use crate::cli::args::CargoArgs;
use crate::cli::output;

/// Has the bare token sent, as crates.io wants it.
const BARE: &str = "--bare-token";

#[derive(Serialize)]
struct Hello {
    v: [u32; 1],
}

#[derive(Deserialize)]
struct Request {
    v: u32,
    kind: String,
    registry: Registry,
    #[serde(default)]
    args: Vec<String>,
}

#[derive(Deserialize)]
struct Registry {
    #[serde(rename = "index-url")]
    index_url: String,
}

#[derive(Serialize)]
enum Answer {
    Ok(Given),
    Err(Refusal),
}

#[derive(Serialize)]
struct Given {
    kind: &'static str,
    token: String,
    cache: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration: Option<u64>,
    operation_independent: bool,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Refusal {
    /// The next provider is asked.
    UrlNotSupported,
    OperationNotSupported,
    /// cargo ends with these words.
    #[serde(rename_all = "kebab-case")]
    Other {
        message: String,
        caused_by: [String; 0],
    },
}

pub(super) async fn run(helper: &Helper, args: &CargoArgs) -> End {
    answer_all(helper, args).await.into()
}

async fn answer_all(helper: &Helper, args: &CargoArgs) -> Result<(), Error> {
    output::compact(&Hello { v: [1] })?;
    for line in stdin().lock().lines() {
        let line = line.map_err(|error| malformed(format!("the input cannot be read: {error}")))?;
        if line.is_empty() {
            continue;
        }
        let request: Request = serde_json::from_str(&line)
            .map_err(|error| malformed(format!("the request cannot be read: {error}")))?;
        let is_bare = args.bare_token || request.args.iter().any(|word| word == BARE);
        output::compact(&match answer(helper, &request).await {
            Ok(Ok(issued)) => Answer::Ok(given(&issued, is_bare)),
            Ok(Err(refusal)) => Answer::Err(refusal),
            Err(error) => Answer::Err(other(format!("{}; {}", error.message(), error.remedy()))),
        })?;
    }
    Ok(())
}

async fn answer(helper: &Helper, request: &Request) -> Result<Result<Issued, Refusal>, Error> {
    if request.v != 1 {
        return Err(malformed(format!("expected version 1 of the protocol, not {}", request.v)));
    }
    let url = request.registry.index_url.as_str();
    let url = url.strip_prefix("sparse+").or(url.strip_prefix("registry+")).unwrap_or(url);
    let Some(session) = helper.session_for_url(url)? else {
        return Ok(Err(Refusal::UrlNotSupported));
    };
    match request.kind.as_str() {
        "get" => session.issue(Kind::Access, None).await.map(Ok),
        _ => Ok(Err(Refusal::OperationNotSupported)),
    }
}

fn given(issued: &Issued, is_bare: bool) -> Given {
    let expiration = issued.told_expiry.map(unix_seconds);
    Given {
        kind: "get",
        token: if is_bare { issued.text.to_string() } else { issued.bearer().to_string() },
        cache: if expiration.is_some() { "expires" } else { "session" },
        expiration,
        operation_independent: true,
    }
}

fn other(message: String) -> Refusal {
    Refusal::Other { message, caused_by: [] }
}
