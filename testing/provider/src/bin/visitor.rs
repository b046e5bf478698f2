//! Simulated user with a browser: `visitor [--name NAME] [--refuse] URL`.
//!
//! Prints nothing on success. An error page at the end counts as a failure, except with
//! `--refuse`: then the client's page may well be one.

use std::process::ExitCode;

use latchstring_provider::program::exit;
use latchstring_provider::visitor::Visitor;

const USAGE: &str = "usage: visitor [--name NAME] [--refuse] URL";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    exit("visitor", visit().await)
}

async fn visit() -> Result<(), String> {
    let mut visitor = Visitor::default();
    let mut url = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--name" => visitor.name = arguments.next().ok_or(USAGE)?,
            "--refuse" => visitor.refuses = true,
            flag if flag.starts_with("--") => return Err(USAGE.into()),
            _ if url.is_some() => return Err(USAGE.into()),
            _ => url = Some(argument),
        }
    }
    let url = url.ok_or(USAGE)?;
    let page = visitor.visit(&url).await.map_err(|lost| lost.to_string())?;
    if page.status >= 400 && !visitor.refuses {
        return Err(format!("arrived at an error page, status {}", page.status));
    }
    Ok(())
}
