//! Bazel and others with the same protocol
//! ([credential helper specification](https://github.com/EngFlow/credential-helper-spec)).
//!
//! ```text
//! get  {"uri":"https://cache.example.com/a"}
//!      -> {"headers":{"Authorization":["Bearer ..."]},"expires":"2026-01-01T00:00:00Z"}
//! ```
//!
//! `{}` means that the address needs no credentials.

use std::collections::BTreeMap;

use latchstring::Error;
use serde::{Deserialize, Serialize};

use super::helper::{self, Helper, Kind};
use super::{End, malformed};
use crate::cli::args::BazelArgs;
use crate::cli::output;

#[derive(Deserialize)]
struct Asked {
    uri: String,
}

#[derive(Default, Serialize)]
struct Answer<'a> {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<&'static str, [&'a str; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
}

pub(super) async fn run(helper: &Helper, args: &BazelArgs) -> End {
    answer(helper, &args.verb).await.into()
}

async fn answer(helper: &Helper, verb: &str) -> Result<(), Error> {
    if verb != "get" {
        return Err(malformed("expected get"));
    }
    let Asked { uri } = serde_json::from_str(&helper::input()?)
        .map_err(|error| malformed(format!("the request cannot be read: {error}")))?;
    let Some(session) = helper.session_for_url(&uri)? else {
        return output::compact(&Answer::default());
    };
    let issued = session.issue(Kind::Access, None).await?;
    let bearer = issued.bearer();
    output::compact(&Answer {
        headers: BTreeMap::from([("Authorization", [bearer.as_str()])]),
        expires: issued.told_expiry.and_then(output::rfc3339),
    })
}
