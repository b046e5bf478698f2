//! Which process was given which token: a program that cannot say that a token was refused
//! asks again before the time that it was told.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::SystemTime;

use latchstring::{Error, files};
use serde::{Deserialize, Serialize};

use super::helper::{Issued, unix_seconds};
use crate::cli::args::Global;
use crate::cli::stores;

const FILE: &str = "credential-callers.json";

/// Most processes that are remembered.
const MOST: usize = 64;

/// Programs that run others: which of those asks is not known.
#[cfg(target_os = "linux")]
const SHELLS: [&str; 9] = ["sh", "bash", "dash", "zsh", "fish", "ksh", "busybox", "env", "timeout"];

/// The processes that were given a token, without the tokens.
pub(super) struct Callers {
    path: PathBuf,
    known: Vec<Caller>,
    /// The process that asks now, and for which cluster. `None` if it is not known.
    parent: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Caller {
    process: String,
    /// Fingerprint of the access token.
    token: String,
    /// What the process was told about its expiry, in seconds since 1970.
    until: u64,
}

impl Callers {
    /// Reads what is known. What cannot be read counts as nothing.
    pub(super) fn of_parent(global: &Global, server: &str) -> Result<Self, Error> {
        let folder = stores::folder(global)?;
        let path = folder.join(FILE);
        let known = std::fs::read(&path).ok();
        let known: Vec<Caller> =
            known.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        let parent = parent().map(|parent| format!("{parent} {server}"));
        Ok(Self { path, known, parent })
    }

    /// Whether it is known which process asks.
    pub(super) fn are_known(&self) -> bool {
        self.parent.is_some()
    }

    /// Whether this process has this token already.
    pub(super) fn have(&self, token: &str) -> bool {
        let now = unix_seconds(SystemTime::now());
        self.known.iter().any(|caller| {
            Some(&caller.process) == self.parent.as_ref()
                && caller.token == token
                && now < caller.until
        })
    }

    /// Notes that this process gets this token. Without a place to note it, the program gets
    /// the token all the same.
    pub(super) fn note(&mut self, issued: &Issued) {
        let (Some(parent), Some(until)) = (&self.parent, issued.told_expiry) else { return };
        let now = unix_seconds(SystemTime::now());
        self.known.retain(|caller| caller.process != *parent && now < caller.until);
        let spare = self.known.len().saturating_sub(MOST - 1);
        self.known.drain(..spare);
        let token = issued.fingerprint.clone();
        self.known.push(Caller { process: parent.clone(), token, until: unix_seconds(until) });
        let _ = self.write();
    }

    fn write(&self) -> std::io::Result<()> {
        let known = serde_json::to_vec(&self.known)?;
        files::replace(&self.path, |file| file.write_all(&known))
    }
}

/// Returns the number of the parent process and when it started, unless it is a shell.
#[cfg(target_os = "linux")]
fn parent() -> Option<String> {
    let id = std::os::unix::process::parent_id();
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name may contain anything, parentheses too.
    let (head, rest) = stat.rsplit_once(')')?;
    let (_, name) = head.split_once('(')?;
    let started = rest.split_whitespace().nth(19)?;
    (!SHELLS.contains(&name)).then(|| format!("{id} {started}"))
}

/// Elsewhere, nothing tells two processes with the same number apart.
#[cfg(not(target_os = "linux"))]
fn parent() -> Option<String> {
    None
}
