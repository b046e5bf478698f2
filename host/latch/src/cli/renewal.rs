//! `latch renew`: the process that refreshes a token for another `latch`.
//!
//! It gets its settings on standard input, not from arguments or the environment, and
//! starts before those are parsed.

use std::ffi::OsStr;
use std::io::{IsTerminal as _, stdin};
use std::process::ExitCode;

use latchstring::blocking::serve_renewal;
use latchstring::{Code, Error, LatchBuilder, Renewal, RenewalProcess};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::args::Global;
use super::equipment::equip;
use super::profile::Profile;
use super::stores::{self, StoreChoice};
use super::{exit, output};

/// The hidden command. No help lists it, because only `latch` itself starts it.
const COMMAND: &str = "renew";

/// What the process needs to build the caller's client again.
#[derive(Serialize, Deserialize)]
struct Caller {
    global: Global,
    profile: Profile,
    /// The passphrase that the user typed into the caller.
    passphrase: Option<String>,
}

/// Returns the process that refreshes tokens for these settings.
pub(crate) fn place(global: &Global, profile: &Profile) -> Renewal {
    if stores::chosen(global, profile) == Some(&StoreChoice::Memory) {
        return Renewal::ThisProcess;
    }
    let caller = Caller {
        global: global.clone(),
        profile: profile.clone(),
        passphrase: stores::typed_passphrase().map(str::to_owned),
    };
    match serde_json::to_string(&caller) {
        Ok(settings) => {
            let process = RenewalProcess::this_program([COMMAND]).settings(settings);
            Renewal::OwnProcess(process)
        }
        // A path that is not Unicode cannot be passed on.
        Err(_) => Renewal::ThisProcess,
    }
}

/// Whether the arguments ask for this process.
pub(crate) fn is_requested() -> bool {
    let mut words = std::env::args_os().skip(1);
    words.next().as_deref() == Some(OsStr::new(COMMAND)) && words.next().is_none()
}

/// Answers the request on standard input.
pub(crate) fn serve() -> ExitCode {
    match answer() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::report(&error, false);
            ExitCode::from(exit::code(error.code()))
        }
    }
}

fn answer() -> Result<(), Error> {
    if stdin().is_terminal() {
        return Err(Error::new(
            Code::InvalidConfiguration,
            "latch renew is internal: latch starts it and writes a request to its standard input",
            "refresh a token with: latch token --force-refresh",
        ));
    }
    serve_renewal(prepare)
}

fn prepare(builder: LatchBuilder, settings: &str) -> Result<LatchBuilder, Error> {
    let Caller { global, profile, passphrase } = serde_json::from_str(settings).map_err(|_| {
        Error::new(
            Code::HostFault,
            "the request to refresh a token has no valid settings",
            "try again",
        )
    })?;
    if let Some(passphrase) = passphrase {
        stores::remember_passphrase(Zeroizing::new(passphrase));
    }
    equip(builder, &global, &profile)
}
