//! Secrets from the environment and from files, never from the command line, which
//! other programs can read.

use std::fs;
use std::path::Path;

use latchstring::secret_variables::{ANONYMOUS_REFRESH_TOKEN, CLIENT_SECRET, INITIAL_ACCESS_TOKEN};
use latchstring::{Code, Error};
use zeroize::Zeroizing;

use super::Settings;
use crate::cli::presets;

impl Settings {
    pub(super) fn client_secret(&self) -> Result<Option<Zeroizing<String>>, Error> {
        let variable = variable(CLIENT_SECRET);
        let file = self.effective.client_secret_file.as_deref();
        // The secret in the profile is for the provider in the profile.
        let is_kept = self.given.client_secret_file.is_none();
        if (variable.is_some() && self.folder_diverts())
            || (variable.is_none() && file.is_some() && is_kept && self.folder_names_provider())
        {
            return Err(diverted("client secret"));
        }
        match (variable, file) {
            (None, Some(path)) => read("client secret", "--client-secret-file", path).map(Some),
            (variable, _) => Ok(variable),
        }
    }

    /// Fails if what the profile proves the client's identity with would be sent to a
    /// provider that only the folder's `.env` names.
    pub(super) fn check_identity(&self) -> Result<(), Error> {
        let (own, given) = (&self.effective, &self.given);
        let proofs = [
            ("client certificate", own.client_cert.is_some() && given.client_cert.is_none()),
            ("client key", own.client_key_file.is_some() && given.client_key_file.is_none()),
            ("assertion", own.client_assertion.is_some() && given.client_assertion.is_none()),
            ("assertion", own.assertion.is_some() && given.assertion.is_none()),
            ("token", own.subject_token.is_some() && given.subject_token.is_none()),
            ("token", own.subject_profile.is_some() && given.subject_profile.is_none()),
            ("token", own.idp_issuer.is_some() && given.idp_issuer.is_none()),
        ];
        let kept = proofs.iter().find(|(_, is_kept)| *is_kept);
        match kept {
            Some((what, _)) if self.folder_names_provider() => Err(diverted(what)),
            _ => Ok(()),
        }
    }

    /// Returns the refresh token of the anonymous session that a login makes the user's:
    /// from `file`, the environment, or the variables that the provider's own program reads.
    pub(crate) fn anonymous_refresh_token(
        &self,
        file: Option<&Path>,
    ) -> Result<Option<Zeroizing<String>>, Error> {
        let token = match (file, variable(ANONYMOUS_REFRESH_TOKEN), &self.preset) {
            (Some(path), ..) => {
                let what = "refresh token of an anonymous session";
                Some(read(what, "--anonymous-token-file", path)?)
            }
            (None, Some(token), _) => Some(token),
            (None, None, Some(preset)) => {
                let settings = presets::settings(preset, &self.effective);
                let token =
                    preset.anonymous_refresh_token(&settings, |name| std::env::var(name).ok())?;
                token.map(Zeroizing::new)
            }
            (None, None, None) => None,
        };
        match token {
            Some(_) if self.folder_diverts() => {
                Err(diverted("refresh token of an anonymous session"))
            }
            token => Ok(token),
        }
    }

    /// Returns the initial access token for registering a client, from `file` or the
    /// environment.
    pub(crate) fn initial_access_token(
        &self,
        file: Option<&Path>,
    ) -> Result<Option<Zeroizing<String>>, Error> {
        match file {
            Some(path) => {
                read("initial access token", "--initial-access-token-file", path).map(Some)
            }
            // Only a login by URL registers a client.
            None if self.effective.resource_url.is_some() => Ok(variable(INITIAL_ACCESS_TOKEN)),
            None => Ok(None),
        }
    }

    /// Whether the folder's `.env` replaces the provider that the profile names.
    fn folder_diverts(&self) -> bool {
        self.saved.names_provider()
            && !self.saved.is_left_by(&self.given)
            && self.folder_names_provider()
    }
}

fn variable(name: &str) -> Option<Zeroizing<String>> {
    std::env::var(name).ok().filter(|secret| !secret.is_empty()).map(Zeroizing::new)
}

fn read(what: &str, option: &str, path: &Path) -> Result<Zeroizing<String>, Error> {
    let text = fs::read_to_string(path).map(Zeroizing::new).map_err(|error| {
        Error::new(
            Code::InvalidConfiguration,
            format!("the {what} file {} cannot be read: {error}", path.display()),
            format!("check {option}"),
        )
    })?;
    Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

fn diverted(what: &str) -> Error {
    Error::new(
        Code::InvalidConfiguration,
        format!("the file .env in this folder names the provider, so the {what} is not sent to it"),
        "if it is meant for that provider, name the provider with --issuer or in another profile",
    )
}
