//! Renewal in a process of its own.
//!
//! A provider that replaces refresh tokens has replaced this one as soon as it
//! has the request: whoever is killed between the request and the save has lost
//! the session. So the request is sent by a process that nobody kills by chance:
//! not with the caller, and not from the terminal.
//!
//! ```text
//! latch token            finds its token stale, and starts
//! latch --renewer token  with the same words, which locks, renews and saves,
//!                        and hands the token over through a pipe
//! ```

use std::process::Stdio;

use latchstring::contract::{Grant, Header};
use latchstring::{Code, Demand, Error, Latch, Token, TokenSource};
use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};
use zeroize::Zeroizing;

use super::args::Global;
use super::choices::StoreChoice;
use super::output::{self, ErrorReport};
use super::secrets::PASSPHRASE;
use super::stores;

/// What the renewer says on standard output.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Token(HandedOver),
    Error(ErrorReport),
}

/// A [`Token`] on its way through the pipe.
#[derive(Serialize, Deserialize)]
struct HandedOver {
    access_token: String,
    token_type: String,
    scopes: Vec<String>,
    expires_at_ms: Option<u64>,
    renew_at_ms: Option<u64>,
    id_token: Option<String>,
    claims: Option<String>,
    report: Option<String>,
    refresh_token_hint: Option<String>,
    headers: Vec<(String, String)>,
    source: String,
}

/// A token that meets `demand`, renewed if need be.
pub(crate) async fn token(global: &Global, latch: &Latch, demand: Demand) -> Result<Token, Error> {
    if global.renewer {
        let result = match &global.refused {
            Some(refused) => latch.token_instead_of(refused).await,
            None => latch.token_for(demand).await,
        };
        hand_over(result)?;
        std::process::exit(0);
    }
    if let Some(token) = latch.stored_token(&demand).await? {
        return match demand.examination {
            Some(_) => latch.token_for(demand).await,
            None => Ok(token),
        };
    }
    match start(global, None) {
        Some(renewer) => receive(renewer).await,
        None => latch.token_for(demand).await,
    }
}

/// Another token than the one with this fingerprint.
pub(crate) async fn token_instead_of(
    global: &Global,
    latch: &Latch,
    refused: &str,
) -> Result<Token, Error> {
    match start(global, Some(refused)) {
        Some(renewer) => receive(renewer).await,
        None => latch.token_instead_of(refused).await,
    }
}

/// Starts this program again with the same words; none where that cannot be
/// done, or where the session lives in this process alone.
fn start(global: &Global, refused: Option<&str>) -> Option<Child> {
    // What is to be recorded has to happen here.
    if global.store == Some(StoreChoice::Memory) || global.recording.file.is_some() {
        return None;
    }
    let mut command = Command::new(std::env::current_exe().ok()?);
    command
        .arg("--renewer")
        .args(refused.map(|refused| format!("--refused={refused}")))
        .args(std::env::args_os().skip(1))
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    if let Some(passphrase) = stores::typed_passphrase() {
        command.env(PASSPHRASE, passphrase);
    }
    detach(&mut command);
    command.spawn().ok()
}

/// Away from what ends the caller: the terminal's signals, and those to its
/// process group.
#[cfg(unix)]
fn detach(command: &mut Command) {
    command.process_group(0);
}

#[cfg(windows)]
fn detach(command: &mut Command) {
    const CREATE_NEW_PROCESS_GROUP: u32 = 0x0000_0200;
    command.creation_flags(CREATE_NEW_PROCESS_GROUP);
}

async fn receive(renewer: Child) -> Result<Token, Error> {
    let output = renewer.wait_with_output().await.map_err(|error| lost(&error.to_string()))?;
    let stdout = Zeroizing::new(output.stdout);
    match serde_json::from_slice(&stdout) {
        Ok(Answer::Token(token)) => Token::try_from(Grant::from(token)),
        Ok(Answer::Error(error)) => Err(error.into()),
        // Never the bytes themselves: they could be half a token.
        Err(_) => Err(lost(&output.status.to_string())),
    }
}

/// Where nobody takes it any more, it is kept all the same.
fn hand_over(result: Result<Token, Error>) -> Result<(), Error> {
    let answer = match result {
        Ok(token) => Answer::Token(HandedOver::from(&token)),
        Err(error) => Answer::Error(ErrorReport::from(&error)),
    };
    // OK because an answer has text keys and no number that JSON lacks.
    let line = Zeroizing::new(serde_json::to_vec(&answer).expect("an answer is always JSON"));
    output::write(&line)
}

fn lost(reason: &str) -> Error {
    Error::new(
        Code::HostFault,
        format!("the process that renews the token ended without a word ({reason})"),
        "try again",
    )
}

impl From<&Token> for HandedOver {
    fn from(token: &Token) -> Self {
        let headers = token.grant().headers.iter();
        let pairs = headers.map(|header| (header.name.clone(), header.value.clone()));
        Self {
            access_token: token.access_token().to_owned(),
            token_type: token.token_type().to_owned(),
            scopes: token.scopes().to_vec(),
            expires_at_ms: token.grant().expires_at_ms,
            renew_at_ms: token.grant().renew_at_ms,
            id_token: token.id_token().map(str::to_owned),
            claims: token.claims().map(str::to_owned),
            report: token.report().map(str::to_owned),
            refresh_token_hint: token.grant().refresh_token_hint.clone(),
            headers: pairs.collect(),
            source: output::source_name(token.source()).to_owned(),
        }
    }
}

impl From<HandedOver> for Grant {
    fn from(token: HandedOver) -> Self {
        let sources = [TokenSource::Adopted, TokenSource::Cached, TokenSource::Login];
        let source =
            sources.into_iter().find(|source| output::source_name(*source) == token.source);
        let headers = token.headers.into_iter();
        let headers = headers.map(|(name, value)| Header { name, value }).collect();
        Self {
            headers,
            report: token.report,
            refresh_token_hint: token.refresh_token_hint,
            access_token: token.access_token,
            token_type: token.token_type,
            scopes: token.scopes,
            expires_at_ms: token.expires_at_ms,
            renew_at_ms: token.renew_at_ms,
            id_token: token.id_token,
            claims: token.claims,
            source: source.unwrap_or(TokenSource::Renewed),
        }
    }
}
