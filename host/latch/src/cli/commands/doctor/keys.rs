//! Whether the profile's keys can be used, and their public halves: what a provider has to know.

use std::path::PathBuf;

use latchstring::Error;
use latchstring::capability::signer::PublicKey;
use latchstring::code_name;

use super::{Finding, found};
use crate::cli::args::Global;
use crate::cli::keys::{KeyPlace, signer};
use crate::cli::profile::Profile;

pub(super) async fn findings(global: &Global, profile: &Profile) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (what, place) in [("client", &profile.client_key_file), ("tokens", &profile.dpop_key_file)]
    {
        let Some(place) = place else { continue };
        // A login makes the file of a key for tokens.
        let is_made_later =
            matches!(place, KeyPlace::File(path) if what == "tokens" && !path.exists());
        if !is_made_later {
            findings.push(finding(what, place, public_key(global, place).await));
        }
    }
    findings
}

async fn public_key(global: &Global, place: &KeyPlace) -> Result<PublicKey, Error> {
    signer(global, place)?.public_key().await
}

fn finding(what: &str, place: &KeyPlace, key: Result<PublicKey, Error>) -> Finding {
    let place = PathBuf::from(place.clone());
    let place = place.display().to_string();
    let place = place.split('?').next().unwrap_or_default();
    match key {
        Ok(key) => found("key", format!("{what}: {place} can be used; public key {}", key.jwk)),
        Err(error) => Finding {
            subject: "key",
            text: format!(
                "{what}: cannot be used: {} [{}]",
                error.message(),
                code_name(error.code())
            ),
            trouble: Some(error),
        },
    }
}
