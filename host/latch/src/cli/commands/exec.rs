//! `latch exec`: run a command with an access token in its environment.

mod lasting;
mod npm;
mod proxied;

use std::ffi::OsString;
use std::io::{Error as IoError, ErrorKind};
use std::process::Command;

use latchstring::{Code, Demand, Error, secret_variables};

use lasting::Files;

use crate::cli::args::{ExecArgs, ExecFor, Global};
use crate::cli::commands::child;
use crate::cli::settings::Settings;
use crate::cli::{exit, hardening, output, recording};

/// Variable with the token, unless another is named.
const VARIABLE: &str = "LATCH_ACCESS_TOKEN";

pub(crate) async fn run(global: &Global, args: Box<ExecArgs>) -> Result<u8, Error> {
    let ExecArgs { variable, min_ttl, allow_bound, dpop_proxy, lasting, provider, command } = *args;
    let usual = if dpop_proxy.is_some() { proxied::VARIABLE } else { VARIABLE };
    let variable = variable.unwrap_or_else(|| usual.to_owned());
    check_name(&variable)?;
    let settings = Settings::read_for_token(global, provider.into_profile())?;
    let demand = Demand { min_ttl_ms: min_ttl.saturating_mul(1000), ..Demand::default() };
    // OK because clap requires at least one word.
    let (program, arguments) = command.split_first().expect("a command");
    let mut child = Command::new(child::found(program));
    // The command gets tokens, but no secret that tokens are obtained with.
    secret_variables::withhold_from(&mut child);
    child.args(arguments);
    let is_for_npm = lasting.as_ref().is_some_and(|args| args.program == ExecFor::Npm);
    if let Some(lasting) = lasting.filter(|_| !is_for_npm) {
        let settings = settings.for_id_token();
        let latch = settings.latch(global, false)?;
        let files = Files::make(&latch).await.map_err(|error| settings.advise(global, error))?;
        child.envs(files.variables(&lasting)?);
        hardening::end();
        let ended = files.run(&latch, child).await;
        return Ok(ended.unwrap_or_else(|error| not_run(global, program, &error)));
    }
    let latch = settings.latch(global, false)?;
    let token = latch.token_for(demand).await.map_err(|error| settings.advise(global, error))?;
    if let Some(origin) = dpop_proxy {
        let proxy = proxied::start(&latch, global, settings, &origin).await?;
        proxied::equip(&mut child, &variable, &proxy);
        hardening::end();
        let ended = proxied::run(proxy, child, global.json).await;
        return Ok(ended.unwrap_or_else(|error| not_run(global, program, &error)));
    }
    if token.is_bound() && !allow_bound {
        return Err(Error::new(
            Code::InvalidConfiguration,
            "the token is bound to a key, so the command cannot use it alone",
            "give it the API through --dpop-proxy ORIGIN, send requests with latch request, or pass --allow-bound",
        ));
    }
    match is_for_npm {
        true => child.envs(npm::variables(global, &settings.effective, &token)?),
        false => child.env(variable, token.access_token()),
    };
    // This program is gone when the command runs, so finish here.
    recording::end(global);
    hardening::end();
    let error = run_as(child);
    Ok(not_run(global, program, &error))
}

/// Says why the command was not run. Returns the exit code for that.
fn not_run(global: &Global, program: &OsString, error: &IoError) -> u8 {
    let exit = match error.kind() {
        ErrorKind::NotFound => exit::NOT_FOUND,
        _ => exit::NOT_EXECUTABLE,
    };
    output::report_exit(&cannot_run(program, error), exit, global.json);
    exit
}

/// Replaces this process with the command, so that signals, terminal and exit code are the
/// command's. Returns only on failure.
#[cfg(unix)]
fn run_as(mut child: Command) -> IoError {
    use std::os::unix::process::CommandExt as _;

    child.exec()
}

/// Runs the command and exits with its exit code. Returns only on failure.
#[cfg(not(unix))]
fn run_as(mut child: Command) -> IoError {
    match child.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => error,
    }
}

fn cannot_run(program: &OsString, error: &IoError) -> Error {
    let program = program.to_string_lossy();
    let remedy = match error.kind() {
        ErrorKind::NotFound => "check its name, or give its path",
        ErrorKind::PermissionDenied => "check that you may execute it",
        _ => "check the command",
    };
    Error::new(Code::HostFault, format!("{program} cannot be run: {error}"), remedy)
}

/// Refuses names that are not variables in every shell: they are mistakes.
fn check_name(name: &str) -> Result<(), Error> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if !name.is_empty() && name.bytes().all(is_name) && !name.as_bytes()[0].is_ascii_digit() {
        return Ok(());
    }
    Err(Error::new(
        Code::InvalidConfiguration,
        format!("{name:?} cannot be the name of a variable"),
        "use letters, digits and _, and do not begin with a digit",
    ))
}
