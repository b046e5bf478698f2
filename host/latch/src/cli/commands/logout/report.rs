//! Reports the result of a logout.

use std::io::stderr;

use latchstring::contract::{TokenHint, Unrevoked, UnrevokedCause};
use latchstring::{Code, Error, LogoutReport, printable};
use serde_json::{Value, json};

use crate::cli::args::Global;
use crate::cli::output;
use crate::cli::times::Now;

/// One session that was ended.
pub(crate) struct Ended {
    pub(crate) profile: String,
    pub(crate) report: LogoutReport,
    /// When its access token expires, if that is known.
    pub(crate) expires_at_ms: Option<u64>,
}

/// Prints which sessions were ended and which tokens stay valid.
///
/// Fails if the provider should have revoked a token and did not: with `unreachable` if it
/// could not be asked, and with `provider-refused` if it refused. If the provider does not
/// revoke tokens at all, or not access tokens, that is not a failure.
pub(crate) fn show(global: &Global, ended: &[Ended]) -> Result<(), Error> {
    if global.json {
        output::document(&Value::Array(ended.iter().map(in_json).collect()))?;
    } else {
        print(ended);
    }
    let mut registrations = ended.iter().filter_map(|ended| ended.report.registration.as_ref());
    if let Some(reason) = registrations.find_map(|end| end.kept.as_ref()) {
        return Err(Error::new(
            Code::ProviderRefused,
            format!(
                "the session was deleted here, but the client stays registered: {}",
                printable(reason)
            ),
            "remove the client in your account at the provider, or leave it: the next login uses it again",
        ));
    }
    let left = ended.iter().flat_map(|ended| &ended.report.not_revoked);
    let failures: Vec<Code> = left.filter_map(failure).collect();
    match failures.contains(&Code::ProviderRefused) {
        true => Err(stays_valid(Code::ProviderRefused, "refused to revoke a token")),
        false if failures.is_empty() => Ok(()),
        false => Err(stays_valid(Code::Unreachable, "could not be reached to revoke a token")),
    }
}

fn stays_valid(code: Code, what: &str) -> Error {
    Error::new(
        code,
        format!("the session was deleted here, but the provider {what}, which stays valid there"),
        "end the session in your account at the provider, or wait until it expires there",
    )
}

/// Returns why a token that should have been revoked was not, or `None` if the provider
/// does not revoke such tokens at all.
fn failure(left: &Unrevoked) -> Option<Code> {
    match left.cause {
        UnrevokedCause::NotOffered => None,
        UnrevokedCause::Refused => Some(Code::ProviderRefused),
        UnrevokedCause::Unreachable => Some(Code::Unreachable),
    }
}

fn print(ended: &[Ended]) {
    let now = Now::on(&stderr());
    for Ended { profile, report, expires_at_ms } in ended {
        if !report.was_logged_in {
            output::say(&format!("The profile {profile} was not logged in"));
            continue;
        }
        let revoked: Vec<&str> = report.revoked.iter().map(|token| name(*token)).collect();
        let revoked = match revoked.as_slice() {
            [] => String::new(),
            tokens => format!("; the provider revoked the {}", tokens.join(" and the ")),
        };
        output::say(&format!("Logged out of the profile {profile}{revoked}"));
        if report.registration.as_ref().is_some_and(|end| end.kept.is_none()) {
            output::say("  the client that was registered for it is removed");
        }
        for left in &report.not_revoked {
            let end = match valid_until_ms(left, *expires_at_ms)
                .and_then(|end_ms| now.describe_or_stamp(end_ms))
            {
                Some(time) => format!("until {time}"),
                None => "until it expires there".to_owned(),
            };
            output::say(&format!(
                "  the {} stays valid at the provider {end}: {}",
                name(left.token),
                printable(&left.reason)
            ));
        }
    }
    if ended.is_empty() {
        output::say("There was no session to end");
    }
}

fn in_json(Ended { profile, report, expires_at_ms }: &Ended) -> Value {
    json!({
        "profile": profile,
        "was_logged_in": report.was_logged_in,
        "is_unregistered": report.registration.as_ref().map(|end| end.kept.is_none()),
        "revoked": report.revoked.iter().map(|token| name(*token)).collect::<Vec<_>>(),
        "not_revoked": report
            .not_revoked
            .iter()
            .map(|left| json!({
                "token": name(left.token),
                "reason": left.reason,
                "valid_until": valid_until_ms(left, *expires_at_ms).and_then(output::rfc3339_ms),
            }))
            .collect::<Vec<_>>(),
    })
}

/// Returns when the token expires, if known. Providers do not say so for refresh tokens.
fn valid_until_ms(left: &Unrevoked, expires_at_ms: Option<u64>) -> Option<u64> {
    match left.token {
        TokenHint::AccessToken => expires_at_ms,
        TokenHint::RefreshToken => None,
    }
}

fn name(token: TokenHint) -> &'static str {
    match token {
        TokenHint::AccessToken => "access token",
        TokenHint::RefreshToken => "refresh token",
    }
}
