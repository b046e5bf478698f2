//! `latch token` if the stored token is good and lies in a file: one read and one step of
//! the component, which need neither a runtime nor signal handlers.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use latchstring::{Demand, Error};

use super::args::{Command, Global};
use super::commands::token::{demand, print};
use super::profile::Profile;
use super::settings::Settings;
use super::stores::{self, StoreChoice};

/// Runs the command to its end, or returns `None` if it has to run as usual, whatever the
/// reason.
pub(crate) fn run(global: &Global, command: &Command) -> Option<Result<(), Error>> {
    let Command::Token(args) = command else { return None };
    #[cfg(not(target_os = "wasi"))]
    if args.id_token {
        return None;
    }
    let args = args.as_ref().clone();
    let settings = Settings::read_for_token(global, args.provider.into_profile()).ok()?;
    if !is_plain(global, &settings.effective) {
        return None;
    }
    let latch = settings.latch(global, false).ok()?;
    let demand = demand(args.min_ttl, args.force_refresh, args.checks);
    let demand = Demand { challenge: args.challenge, ..demand };
    let token = without_waiting(latch.stored_token(&demand))?.ok()??;
    // What is to be said about the token, or done with it, is done as usual.
    (token.notices().is_empty() && !token.is_bound()).then(|| print(global, args.output, &token))
}

/// Whether the session is in a plain file, and nothing is asked or recorded before it is
/// read.
fn is_plain(global: &Global, profile: &Profile) -> bool {
    stores::chosen(global, profile) == Some(&StoreChoice::File)
        && !stores::is_encrypted(global, profile)
        && profile.client_secret_file.is_none()
        && !global.recording.is_on()
}

/// Returns what a future gives at once, or `None` if it waits for something.
fn without_waiting<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => Some(result),
        Poll::Pending => None,
    }
}
