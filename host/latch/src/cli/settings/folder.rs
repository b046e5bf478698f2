//! What the `.env` of the current folder may set: only what the user and the profile
//! leave open, and nothing if it is for another provider.

use latchstring::{Error, printable};
use url::Url;

use super::Settings;
use crate::cli::dotenv::{CLIENT_ID, Dotenv, ISSUER, PROVIDER, SCOPE};
use crate::cli::output::say;
use crate::cli::presets;
use crate::cli::profile::Profile;

/// Whether `.env` names another provider than `own`. If so, its client and its scopes
/// belong to that provider too.
pub(super) fn is_for_another_provider(dotenv: &Dotenv, own: &Profile) -> bool {
    // A value that cannot be parsed fills no gap.
    let named = |name| dotenv.variable(name).ok().flatten();
    let found = Profile { provider: named(PROVIDER), issuer: named(ISSUER), ..Profile::default() };
    own.names_provider() && found.names_provider() && found.is_left_by(own)
}

/// Returns what `.env` sets for the login and `own` does not.
pub(super) fn gaps(dotenv: &Dotenv, own: &Profile) -> Result<Profile, Error> {
    let mut found = Profile::default();
    // A folder must not decide who a server's client is, or what it may do.
    if own.resource_url.is_some() {
        return Ok(found);
    }
    if !own.names_provider() {
        found.provider = dotenv.variable(PROVIDER)?;
        found.issuer = dotenv.variable(ISSUER)?;
        if let Some(issuer) = &found.issuer {
            check_issuer(issuer).map_err(|error| dotenv.with_line(ISSUER, &error))?;
        }
    }
    if !presets::sets(own, presets::CLIENT_ID) {
        found.client_id = dotenv.variable(CLIENT_ID)?;
    }
    if own.scopes.is_none() {
        let scopes = dotenv.variable(SCOPE)?;
        found.scopes =
            scopes.map(|list| list.split_ascii_whitespace().map(str::to_owned).collect());
    }
    Ok(found)
}

fn check_issuer(issuer: &str) -> Result<(), Error> {
    match Url::parse(issuer) {
        Ok(url) if url.has_host() => Ok(()),
        _ => Err(Error::new(
            latchstring::Code::InvalidConfiguration,
            "it is not the URL of a provider",
            "write it as https://id.example.com, or remove the line",
        )),
    }
}

impl Settings {
    /// Prints which settings of the login come from the folder's `.env`.
    pub(crate) fn report_dotenv(&self) {
        let found = &self.found;
        let named = [
            ("provider", &found.provider),
            ("provider", &found.issuer),
            ("client", &found.client_id),
        ];
        for (what, name) in named {
            if let Some(name) = name {
                let name = printable(name);
                say(&format!("The file .env in this folder names the {what} {name}"));
            }
        }
        for (name, value) in found.set.iter().flatten() {
            say(&format!("The file .env in this folder sets {name} to {}", printable(value)));
        }
    }

    /// Whether the folder's `.env` names the provider, or changes a default of its preset,
    /// which may mean another server.
    pub(super) fn folder_names_provider(&self) -> bool {
        let default = |name: &str| self.preset.as_ref()?.settings().get(name)?.default.clone();
        self.found.names_provider()
            || self
                .found
                .set
                .iter()
                .flatten()
                .any(|(name, value)| default(name).as_ref() != Some(value))
    }
}
