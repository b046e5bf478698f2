//! Demo provider for trying a login: `demo-provider [--port N]`.
//!
//! Prints `issuer <URL>` once it listens, and serves until its standard input closes, so
//! that it does not outlive the program that started it. SIGTERM also ends it.

use std::process::ExitCode;

use latchstring_provider::program::{announce, exit};
use latchstring_provider::{Options, Provider};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    exit("demo-provider", options(&arguments).and_then(serve))
}

fn options(arguments: &[String]) -> Result<Options, String> {
    let mut options = Options::default();
    match arguments {
        [] => {}
        [flag, port] if flag == "--port" => {
            options.port = port
                .parse()
                .map_err(|_| format!("expected a port from 0 to 65535, found {port}"))?;
        }
        _ => return Err("usage: demo-provider [--port N]".into()),
    }
    Ok(options)
}

fn serve(options: Options) -> Result<(), String> {
    let provider = Provider::start(options).map_err(|error| error.to_string())?;
    announce(&format!("issuer {}", provider.issuer())).map_err(|error| error.to_string())
}
