//! A person in a browser, without either: `visitor [--name NAME] [--refuse] URL`.
//!
//! Prints nothing when it arrives. Arriving at an error page counts as an error,
//! unless the visitor came to refuse: then the client's page may well be one.

use std::io::{self, Write};
use std::process::ExitCode;

use latchstring_provider::visitor::Visitor;

const USAGE: &str = "usage: visitor [--name NAME] [--refuse] URL";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match visit().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            // Where stderr is closed there is nobody to tell.
            let _ = writeln!(io::stderr(), "visitor: {reason}");
            ExitCode::FAILURE
        }
    }
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
