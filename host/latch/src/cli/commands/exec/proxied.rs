//! `latch exec --dpop-proxy`: the command reaches an API through a proxy, which adds the token
//! and its proof.

use std::io::Error as IoError;
use std::process::Command;

use async_trait::async_trait;
use latchstring::{DpopProxy, Error, Latch, Token, TokenProvider};

use crate::cli::args::Global;
use crate::cli::commands::child::{exit_code, spawn};
use crate::cli::output;
use crate::cli::settings::Settings;

/// Variable with the address of the proxy, unless another is named.
pub(super) const VARIABLE: &str = "LATCH_API_URL";

/// Tokens of the session. Errors name the command to log in with.
struct Tokens {
    latch: Latch,
    global: Global,
    settings: Settings,
}

#[async_trait]
impl TokenProvider for Tokens {
    async fn token(&self) -> Result<Token, Error> {
        self.latch.token().await.map_err(|error| self.settings.advise(&self.global, error))
    }

    async fn token_instead_of(&self, refused: &str) -> Result<Token, Error> {
        let result = self.latch.token_instead_of(refused).await;
        result.map_err(|error| self.settings.advise(&self.global, error))
    }
}

/// Adds the variables with which the command finds the proxy. `variable` is the one for its
/// address.
pub(super) fn equip(command: &mut Command, variable: &str, proxy: &DpopProxy) {
    let given = |name: &str| std::env::var(name).ok().filter(|hosts| !hosts.is_empty());
    for (name, other) in [("NO_PROXY", "no_proxy"), ("no_proxy", "NO_PROXY")] {
        // Otherwise the address would go to the proxy of the network, if there is one.
        let hosts = given(name).or_else(|| given(other));
        command.env(name, hosts.map(|hosts| hosts + ",").unwrap_or_default() + "127.0.0.1");
    }
    command.env(variable, proxy.url());
}

/// Starts the proxy for the API at `origin`.
pub(super) async fn start(
    latch: &Latch,
    global: &Global,
    settings: Settings,
    origin: &str,
) -> Result<DpopProxy, Error> {
    let tokens = Tokens { latch: latch.clone(), global: global.clone(), settings };
    DpopProxy::start(latch, tokens, origin).await
}

/// Runs the command to its end, and reports meanwhile what the proxy could not do. Returns
/// the command's exit code.
pub(super) async fn run(mut proxy: DpopProxy, command: Command, json: bool) -> Result<u8, IoError> {
    let mut child = spawn(command)?;
    let mut reported = None;
    loop {
        tokio::select! {
            // Failures first: the command may have ended because of one.
            biased;
            error = proxy.failure() => {
                // Many requests at once fail for the same reason.
                if reported.as_deref() != Some(error.message()) {
                    output::report(&error, json);
                    reported = Some(error.message().to_owned());
                }
            }
            status = child.wait() => return Ok(exit_code(status?)),
        }
    }
}
