//! What came of logging out.

use latchstring::contract::TokenHint;
use latchstring::{Error, LogoutReport};
use serde_json::{Value, json};

use crate::cli::args::Global;
use crate::cli::output;

pub(crate) fn show(global: &Global, reports: &[(String, LogoutReport)]) -> Result<(), Error> {
    if global.json {
        return output::document(&Value::Array(reports.iter().map(in_json).collect()));
    }
    for (profile, report) in reports {
        if !report.was_logged_in {
            output::say(&format!("Nobody was logged in under the profile {profile}"));
            continue;
        }
        output::say(&format!("Logged out of the profile {profile}"));
        for left in &report.not_revoked {
            output::say(&format!(
                "  the {} stays valid at the provider until it expires: {}",
                name(left.token),
                latchstring::printable(&left.reason)
            ));
        }
    }
    if reports.is_empty() {
        output::say("Nobody was logged in");
    }
    Ok(())
}

fn in_json((profile, report): &(String, LogoutReport)) -> Value {
    json!({
        "profile": profile,
        "was_logged_in": report.was_logged_in,
        "revoked": report.revoked.iter().map(|token| name(*token)).collect::<Vec<_>>(),
        "not_revoked": report
            .not_revoked
            .iter()
            .map(|left| json!({ "token": name(left.token), "reason": left.reason }))
            .collect::<Vec<_>>(),
    })
}

fn name(token: TokenHint) -> &'static str {
    match token {
        TokenHint::AccessToken => "access token",
        TokenHint::RefreshToken => "refresh token",
    }
}
