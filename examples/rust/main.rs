//! A command line of one's own: `notes login`, `notes logout`, and `notes`, which
//! asks an API.
//!
//! NOTES_ISSUER and NOTES_API say where; a program for one provider would have
//! them written in.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is what the program is for")]

use std::env;
use std::io::{Write as _, stdout};
use std::process::ExitCode;

use latchstring::blocking::Latch;
use latchstring::{ApiRequest, Code};

/// What goes wrong here, in this program's own words.
enum Trouble {
    Usage,
    LoggedOut,
    Login(latchstring::Error),
    Api(u16),
}

impl From<latchstring::Error> for Trouble {
    fn from(error: latchstring::Error) -> Self {
        match error.code() {
            Code::LoginRequired => Self::LoggedOut,
            _ => Self::Login(error),
        }
    }
}

fn main() -> ExitCode {
    let trouble = match run() {
        Ok(()) => return ExitCode::SUCCESS,
        Err(trouble) => trouble,
    };
    eprintln!(
        "notes: {}",
        match &trouble {
            Trouble::Usage => "expected login, logout or nothing".to_owned(),
            Trouble::LoggedOut => "you are not logged in; run: notes login".to_owned(),
            Trouble::Login(error) => error.to_string(),
            Trouble::Api(status) => format!("the API answered {status}"),
        }
    );
    ExitCode::FAILURE
}

fn run() -> Result<(), Trouble> {
    let variable = |name: &str| env::var(name).map_err(|_| Trouble::Usage);
    let api = variable("NOTES_API")?;
    let latch = Latch::new(
        latchstring::Latch::builder(variable("NOTES_ISSUER")?, "demo")
            .profile("notes")
            .scopes(["openid", "profile", "offline_access"])
            .api_origins([origin(&api)]),
    )?;
    match env::args().nth(1).as_deref() {
        Some("login") => {
            let token = latch.login()?;
            println!("Welcome, {}", token.claim("name").unwrap_or_default());
            Ok(())
        }
        Some("logout") => Ok(latch.logout().map(drop)?),
        None => {
            let answer = latch.request(&ApiRequest::new("GET", api))?;
            if answer.status != 200 {
                return Err(Trouble::Api(answer.status));
            }
            // Whoever closes the pipe has seen enough.
            let _ = stdout().write_all(&answer.body);
            Ok(())
        }
        Some(_) => Err(Trouble::Usage),
    }
}

/// Scheme, host and port.
fn origin(url: &str) -> String {
    url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/")
}
