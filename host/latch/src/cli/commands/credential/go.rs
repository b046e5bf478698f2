//! go: `GOAUTH` ([go help goauth](https://pkg.go.dev/cmd/go#hdr-GOAUTH_environment_variable)).
//!
//! Run once without an argument, and after a 4xx with the URL as the last argument and the
//! response on standard input. The answer has parts of three: URLs, a blank line, headers,
//! a blank line.
//!
//! ```text
//! https://proxy.example.com
//!
//! Authorization: Bearer ...
//!
//! ```
//!
//! The first answer has the tokens that are good, for the origins that are named in full.
//! So a 401 from one of these origins means that the token was refused.

use latchstring::Error;
use url::Url;
use zeroize::Zeroizing;

use super::End;
use super::callers::Callers;
use super::helper::{self, Helper, Issued, Kind};
use crate::cli::args::GoArgs;
use crate::cli::output;

pub(super) async fn run(helper: &Helper, args: &GoArgs) -> End {
    let result = match &args.url {
        None => first(helper).await,
        Some(url) => after_refusal(helper, url).await,
    };
    End::with_terminal(result)
}

/// Prints what is known without asking anybody.
async fn first(helper: &Helper) -> Result<(), Error> {
    let mut parts = Zeroizing::new(String::new());
    for session in helper.all_sessions()? {
        let origins = session.profile.api_origins.iter().flatten();
        let urls = origins.filter_map(|origin| Url::parse(origin).ok());
        let urls: Vec<Url> = urls.filter(|url| session.names_in_full(url)).collect();
        if let Some(issued) = session.stored().await.filter(|_| !urls.is_empty()) {
            Callers::of_parent(&helper.global, session.name())?.note(&issued);
            parts.push_str(&part(&urls, &issued));
        }
    }
    output::write(parts.as_bytes())
}

async fn after_refusal(helper: &Helper, url: &str) -> Result<(), Error> {
    let response = helper::input()?;
    let Some(url) = helper::url(url) else { return Ok(()) };
    // Others than 401 are usual: a proxy that lacks a module says so.
    let is_refused = response.split_whitespace().nth(1) == Some("401");
    let Some(session) = helper.session_for(&url)?.filter(|_| is_refused) else { return Ok(()) };
    let mut callers = Callers::of_parent(&helper.global, session.name())?;
    let stored = session.stored().await.filter(|_| session.names_in_full(&url));
    // Another process may have refreshed the token since go was told that there is none.
    let refused = stored
        .map(|issued| issued.fingerprint)
        .filter(|token| !callers.are_known() || callers.have(token));
    let issued = session.issue(Kind::Access, refused.as_deref()).await?;
    callers.note(&issued);
    output::write(part(&[url], &issued).as_bytes())
}

fn part(urls: &[Url], issued: &Issued) -> Zeroizing<String> {
    let origins = urls.iter().map(|url| url.origin().ascii_serialization() + "\n");
    let bearer = issued.bearer();
    Zeroizing::new(format!("{}\nAuthorization: {}\n\n", origins.collect::<String>(), *bearer))
}
