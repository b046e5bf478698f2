//! Stand-in for trying a login: `standin SYSTEM [OPTION]...`.
//!
//! Prints `url <URL>` once it listens, and serves until its standard input closes, so
//! that it does not outlive the program that started it. SIGTERM also ends it.

use std::io;
use std::process::ExitCode;

use latchstring_provider::dialects::{self, AUTHGATE_WITH_KEYS};
use latchstring_provider::program::{announce, exit};
use latchstring_provider::{Dialect, Misbehaviour, Options, Provider};

const USAGE: &str = "usage: standin SYSTEM [--port N] [--client-id ID] [--project-id ID] \
    [--publishable-key KEY] [--require-key] [--redirect-uri URI]... [--rotate] \
    [--publish-keys] [--tenant PATH] [--access-ttl SECONDS] [--misbehave NAME]...";

struct Arguments {
    dialect: &'static Dialect,
    options: Options,
    misbehaviours: Vec<Misbehaviour>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome =
        parse(&arguments).and_then(|arguments| serve(arguments).map_err(|error| error.to_string()));
    exit("standin", outcome)
}

fn parse(arguments: &[String]) -> Result<Arguments, String> {
    let (system, flags) = arguments.split_first().ok_or(USAGE)?;
    let mut dialect = dialects::system(system)?;
    let mut options = Options::default();
    let mut misbehaviours = Vec::new();
    let mut flags = flags.iter();
    while let Some(flag) = flags.next() {
        let mut value = || flags.next().cloned().ok_or(USAGE);
        match flag.as_str() {
            "--port" => options.port = number(&value()?)?,
            "--client-id" => options.client_id = Some(value()?),
            "--project-id" => options.project_id = value()?,
            "--publishable-key" => options.publishable_key = value()?,
            "--require-key" => options.requires_publishable_key = true,
            "--redirect-uri" => options.redirect_uris.push(value()?),
            "--publish-keys" if system == "authgate" => dialect = &AUTHGATE_WITH_KEYS,
            "--rotate" => options.rotates_refresh_tokens = Some(true),
            "--tenant" => options.tenant = value()?,
            "--access-ttl" => options.expires_in = Some(number(&value()?)?),
            "--misbehave" => misbehaviours.push(misbehaviour(&value()?)?),
            _ => return Err(USAGE.into()),
        }
    }
    Ok(Arguments { dialect, options, misbehaviours })
}

fn number<N: std::str::FromStr>(text: &str) -> Result<N, String> {
    text.parse().map_err(|_| format!("expected a number, found {text}"))
}

fn misbehaviour(name: &str) -> Result<Misbehaviour, String> {
    let misbehaviour: Misbehaviour = name.parse()?;
    if misbehaviour.happens_once() {
        return Err(format!(
            "{name} ends what was granted before, and nothing was; \
             post it to /standin/misbehave later"
        ));
    }
    Ok(misbehaviour)
}

fn serve(arguments: Arguments) -> io::Result<()> {
    let standin = Provider::like(arguments.dialect, arguments.options)?;
    for misbehaviour in arguments.misbehaviours {
        standin.misbehave_as(misbehaviour)?;
    }
    announce(&format!("url {}", standin.url()))
}
