//! git: `credential.helper` ([gitcredentials](https://git-scm.com/docs/gitcredentials),
//! [git-credential](https://git-scm.com/docs/git-credential)).
//!
//! The operation is the last argument. Lines of `key=value` come on standard input and go
//! to standard output, up to a blank line. `key[]` repeats.
//!
//! ```text
//! get    protocol=https  host=git.example.com  wwwauth[]=Bearer  capability[]=authtype
//!        -> username and password, or authtype and credential; password_expiry_utc
//! erase  the same and the password: it was refused
//! ```
//!
//! After a 401, a git that was told `continue` asks again in the same run, and passes on
//! `state[]`: the token that it names is replaced, and the fetch goes on.

use latchstring::Error;
use zeroize::Zeroizing;

use super::End;
use super::helper::{self, Helper, Issued, Kind, Session, fingerprint, unix_seconds};
use crate::cli::args::GitArgs;
use crate::cli::output;

/// What begins the state that is passed through git.
const STATE: &str = "latch:";

pub(super) async fn run(helper: &Helper, args: &GitArgs) -> End {
    let result = match args.operation.as_str() {
        "get" => get(helper, args).await,
        "erase" => erase(helper).await,
        "capability" => output::write(b"version 0\ncapability authtype\ncapability state\n"),
        // `store`, and what later versions of git may add.
        _ => Ok(()),
    };
    result.into()
}

async fn get(helper: &Helper, args: &GitArgs) -> Result<(), Error> {
    let input = helper::input()?;
    let asked = Request::read(&input);
    let answer = match asked.session(helper) {
        Ok(None) => return Ok(()),
        Ok(Some(session)) => {
            let issued = session.issue(Kind::Access, asked.refused()).await;
            issued.map(|issued| {
                let username = args.username.as_deref().or(asked.value("username"));
                answer(&asked, session.username(username), &issued)
            })
        }
        Err(error) => Err(error),
    };
    match answer {
        Ok(lines) => output::write(lines.as_bytes()),
        Err(error) => {
            // Otherwise git would ask other helpers, and then the user for a password.
            output::write(b"quit=1\n")?;
            Err(error)
        }
    }
}

/// Replaces the token that was refused. The session goes on: others share it.
async fn erase(helper: &Helper) -> Result<(), Error> {
    let input = helper::input()?;
    let asked = Request::read(&input);
    let secret = asked.value("password").or(asked.value("credential"));
    let Some(secret) = secret else { return Ok(()) };
    if let Some(session) = asked.session(helper)? {
        // git has given up already, and says so. The next run finds the same failure.
        let _ = session.issue(Kind::Access, Some(&fingerprint(secret))).await;
    }
    Ok(())
}

/// What git asks.
struct Request<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Request<'a> {
    fn read(input: &'a str) -> Self {
        let lines = input.lines().take_while(|line| !line.is_empty());
        Self(lines.filter_map(|line| line.split_once('=')).collect())
    }

    fn value(&self, key: &str) -> Option<&'a str> {
        self.values(key).last().filter(|value| !value.is_empty())
    }

    fn values(&self, key: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(name, _)| *name == key).map(|(_, value)| *value)
    }

    fn session(&self, helper: &Helper) -> Result<Option<Session>, Error> {
        let (Some(protocol), Some(host)) = (self.value("protocol"), self.value("host")) else {
            return Ok(None);
        };
        helper.session_for_url(&format!("{protocol}://{host}"))
    }

    /// The fingerprint of the token that was refused in this run.
    fn refused(&self) -> Option<&'a str> {
        self.values("state[]").find_map(|state| state.strip_prefix(STATE))
    }

    fn can(&self, capability: &str) -> bool {
        self.values("capability[]").any(|named| named == capability)
    }

    /// Whether the server takes bearer tokens as such, and git can send them.
    fn takes_bearer(&self) -> bool {
        let offers = |value: &str| {
            let scheme = value.split([' ', ',']).next().unwrap_or_default();
            scheme.eq_ignore_ascii_case("bearer")
        };
        self.can("authtype") && self.values("wwwauth[]").any(offers)
    }
}

fn answer(asked: &Request<'_>, username: &str, issued: &Issued) -> Zeroizing<String> {
    let mut lines = Zeroizing::new(String::new());
    let mut add = |key: &str, value: &str| {
        lines.push_str(key);
        lines.push('=');
        lines.push_str(value);
        lines.push('\n');
    };
    // Capabilities come first, so that git knows what the rest means.
    if asked.can("authtype") {
        add("capability[]", "authtype");
    }
    if asked.can("state") {
        add("capability[]", "state");
    }
    if asked.takes_bearer() {
        add("authtype", "Bearer");
        add("credential", &issued.text);
    } else {
        add("username", username);
        add("password", &issued.text);
    }
    // Helpers that store credentials must not store this one.
    if asked.can("authtype") {
        add("ephemeral", "1");
    }
    if let Some(at) = issued.told_expiry {
        add("password_expiry_utc", &unix_seconds(at).to_string());
    }
    if asked.can("state") && asked.refused().is_none() {
        add("state[]", &format!("{STATE}{}", issued.fingerprint));
        add("continue", "1");
    }
    lines
}
