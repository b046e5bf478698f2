//! Demo provider for trying a login: `demo-provider [--port N]`.
//!
//! Prints `issuer <URL>` once it listens, and serves until its standard input closes, so
//! that it does not outlive the program that started it. SIGTERM also ends it.

use std::io::{self, Write};
use std::process::ExitCode;

use latchstring_provider::{Options, Provider};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let served = options(&arguments).and_then(|options| serve(options).map_err(|e| e.to_string()));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            // If stderr is closed, there is no place for the message.
            let _ = writeln!(io::stderr(), "demo-provider: {reason}");
            ExitCode::FAILURE
        }
    }
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

fn serve(options: Options) -> io::Result<()> {
    let provider = Provider::start(options)?;
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "issuer {}", provider.issuer())?;
    stdout.flush()?;
    io::copy(&mut io::stdin().lock(), &mut io::sink())?;
    Ok(())
}
