//! Remedies if a login or a provider is missing.

use latchstring::{Code, Error, words};

use super::Settings;
use crate::cli::args::Global;

/// The remedy where nothing is known about the provider.
pub(crate) const LOG_IN_ANYWHERE: &str =
    "log in with: latch login --provider NAME, or: latch login --issuer URL --client-id ID";

impl Settings {
    /// Adds the command to log in with as the remedy, if `error` says that a login is
    /// required.
    pub(crate) fn advise(&self, global: &Global, error: Error) -> Error {
        self.advise_after(global, None, error)
    }

    /// Does the same after a resource has refused the token with this challenge, which the
    /// login has to know.
    pub(crate) fn advise_after(
        &self,
        global: &Global,
        challenge: Option<&str>,
        error: Error,
    ) -> Error {
        // A client without a user is told whose login is missing by whoever misses it.
        if error.code() != Code::LoginRequired || self.is_unattended() {
            return error;
        }
        match self.login_command(global, challenge) {
            Some(command) => error.with_remedy(format!("log in with: {command}")),
            None => error,
        }
    }

    /// Makes a login the remedy if the provider wants to see the user again before it vouches
    /// for them.
    pub(crate) fn advise_again(&self, global: &Global, error: Error) -> Error {
        const OF_USER: [&str; 3] =
            ["insufficient_user_authentication", "interaction_required", "login_required"];

        let said = error.provider().map(|said| said.error.as_str());
        match said.is_some_and(|error| OF_USER.contains(&error)) {
            true => {
                let error = Error::new(Code::LoginRequired, error.message(), error.remedy());
                self.advise(global, error)
            }
            false => error,
        }
    }

    /// Adds the command that meets this `WWW-Authenticate` value as the remedy.
    #[cfg(not(target_os = "wasi"))]
    pub(crate) fn advise_about(&self, global: &Global, challenge: &str, error: Error) -> Error {
        match self.login_command(global, Some(challenge)) {
            Some(command) => error.with_remedy(format!("log in with: {command}")),
            None => error,
        }
    }

    /// Returns the error for settings without a provider or without a client.
    pub(super) fn unknown(&self, global: &Global) -> Error {
        let lacks = if self.effective.names_provider() { "client ID" } else { "provider" };
        Error::new(
            Code::LoginRequired,
            format!("the profile {} has no {lacks} yet", global.profile),
            LOG_IN_ANYWHERE,
        )
    }

    /// Returns the command to log in with, for a shell and without the arguments that the
    /// profile remembers. Returns `None` if one of its words cannot be quoted.
    fn login_command(&self, global: &Global, challenge: Option<&str>) -> Option<String> {
        let mut line = vec!["latch".to_owned(), "login".to_owned()];
        let is_remembered = self.saved.shares_session_with(&self.effective);
        line.extend(self.given.resource_url.clone().filter(|_| !is_remembered));
        let mut add = |option: &str, value: &str| {
            line.extend([option.to_owned(), value.to_owned()]);
        };
        if global.profile != Global::DEFAULT_PROFILE {
            add("--profile", &global.profile);
        }
        if !is_remembered {
            let given = &self.given;
            let named = [
                ("--provider", &given.provider),
                ("--issuer", &given.issuer),
                ("--client-id", &given.client_id),
            ];
            for (option, value) in named {
                value.iter().for_each(|value| add(option, value));
            }
            for (name, value) in given.set.iter().flatten() {
                add("--set", &format!("{name}={value}"));
            }
            given.scopes.iter().flatten().for_each(|scope| add("--scope", scope));
        }
        if let Some(resource) = &self.resource {
            let covered = self.saved.resources.iter().flatten();
            covered.chain([resource]).for_each(|resource| add("--resource", resource));
        }
        if let Some(challenge) = challenge {
            add("--challenge", challenge);
        }
        words::join(line.iter().map(String::as_str))
    }
}
