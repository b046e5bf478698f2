//! Validation of redirects.

use super::given::{MINUTE_MS, oauth, openid};
use super::provider::{ISSUER, metadata_with, tokens};
use super::script::Script;
use crate::contract::Code;

const RIGHT: &str = "code=c0de&state={state}";

fn in_browser() -> Script {
    openid().login_in_browser()
}

/// A login at a provider that sends `iss` in redirects (RFC 9207).
fn in_browser_with_iss() -> Script {
    let field = "authorization_response_iss_parameter_supported";
    openid().login().discovers(metadata_with(field, true.into()))
}

/// Checks that the login continues to wait after this redirect, and accepts the right
/// one. Returns the notice.
#[track_caller]
fn goes_on_waiting(login: Script, query: &str, right: &str) -> String {
    let login = login.redirects(query);
    let notice = login.shown().notice.unwrap();
    login.redirects(right).sent();
    notice
}

#[test]
fn the_first_url_comes_without_notice() {
    assert_eq!(in_browser().shown().notice, None);
}

#[test]
fn redirects_of_other_logins_are_rejected() {
    for (query, reason) in [
        ("code=c0de&state=another", "another login's state"),
        ("code=c0de&state={state}x", "another login's state"),
        ("code=c0de&state=", "another login's state"),
        ("code=c0de", "no state"),
        ("", "no state"),
        ("state={state}", "neither a code nor an error"),
        ("code=&state={state}", "neither a code nor an error"),
        ("code=c0de&code=c0de&state={state}", "code twice"),
        ("code=c0de&state={state}&state={state}", "state twice"),
        ("code=c0de&state={state}&iss=https://evil.example", "the issuer https://evil.example"),
        ("code=c0de&state={state}&iss=https://id.example/", "the issuer https://id.example/"),
        ("error=access_denied&state={state}&state={state}", "state twice"),
        (
            "error=access_denied&state={state}&iss=https://id.example&iss=https://id.example",
            "iss twice",
        ),
        ("error=access_denied", "no state"),
        ("error=access_denied&state=another", "another login's state"),
        ("error=access_denied&state={state}&iss=https://evil.example", "the issuer"),
        ("#code=c0de&state={state}", "no state"),
    ] {
        let notice = goes_on_waiting(in_browser(), query, RIGHT);
        assert!(notice.contains(reason), "{query}: {notice}");
    }
}

#[test]
fn requests_for_another_address_are_rejected() {
    for target in [
        "/?code=c0de&state={state}",
        "/favicon.ico",
        "/callback/?code=c0de&state={state}",
        "/Callback?code=c0de&state={state}",
        "/%63allback?code=c0de&state={state}",
        "//evil.example/callback?code=c0de&state={state}",
        "http://evil.example/callback?code=c0de&state={state}",
        "http://127.0.0.1:4181/callback?code=c0de&state={state}",
        "https://127.0.0.1:4180/callback?code=c0de&state={state}",
        "\\\\evil.example/callback?code=c0de&state={state}",
        "http://[/callback",
        "*",
        "",
    ] {
        let login = in_browser().visits(target);
        assert!(login.shown().notice.is_some(), "{target}");
        login.redirects(RIGHT).sent();
    }
}

#[test]
fn a_redirect_names_its_issuer_if_the_metadata_says_so() {
    let right = format!("{RIGHT}&iss={ISSUER}");
    let notice = goes_on_waiting(in_browser_with_iss(), RIGHT, &right);
    assert!(notice.contains("named no issuer"), "{notice}");
    goes_on_waiting(in_browser_with_iss(), "error=access_denied&state={state}", &right);
}

#[test]
fn an_unexpected_issuer_in_a_redirect_is_checked() {
    in_browser().redirects(&format!("{RIGHT}&iss={ISSUER}")).sent();
}

#[test]
fn an_error_of_another_issuer_is_not_shown() {
    for iss in ["https://evil.example", "https://id.example/", "https://ID.example"]
        .into_iter()
        .chain(["https://id.example:443", "https%253A%252F%252Fid.example", ""])
    {
        let wrong = format!("error=access_denied&error_description=hoax&state={{state}}&iss={iss}");
        for login in [in_browser(), in_browser_with_iss()] {
            let right = format!("{RIGHT}&iss={ISSUER}");
            let notice = goes_on_waiting(login, &wrong, &right);
            assert!(!notice.contains("hoax") && !notice.contains("denied"), "{iss}: {notice}");
        }
    }
}

#[test]
fn unknown_parameters_are_ignored() {
    in_browser().redirects(&format!("{RIGHT}&session_state=x&session_state=y&scope=a+b")).sent();
}

#[test]
fn a_redirect_uri_may_have_a_query() {
    let given = openid().redirect_uri("http://127.0.0.1:4180/callback?tool=cli");
    let login = given.login_in_browser().redirects(&format!("tool=cli&{RIGHT}"));
    let redirect_uri = login.sent().form.one("redirect_uri").map(str::to_owned);
    assert_eq!(redirect_uri.unwrap(), "http://127.0.0.1:4180/callback?tool=cli");
}

#[test]
fn access_denied_ends_the_login() {
    let failure = in_browser()
        .redirects("error=access_denied&error_description=not+today&state={state}")
        .fails(Code::AccessDenied);
    assert_eq!(failure.provider.unwrap().description.unwrap(), "not today");
    assert!(failure.message.contains("not today"));
}

#[test]
fn any_other_error_ends_the_login() {
    let failure = in_browser()
        .redirects("error=invalid_scope&state={state}&code=c0de")
        .fails(Code::ProviderRefused);
    assert_eq!(failure.provider.unwrap().error, "invalid_scope");
}

#[test]
fn a_hostile_description_is_escaped() {
    let failure = in_browser()
        .redirects("error=%1b[2J&error_description=%1b]8;;x%07%0d%0aok%e2%80%ae&state={state}")
        .fails(Code::ProviderRefused);
    let said = failure.provider.unwrap();
    assert_eq!(said.error, "\\u{1b}[2J");
    assert_eq!(said.description.unwrap(), "\\u{1b}]8;;x\\u{7}\\u{d}\\u{a}ok\\u{202e}");
}

#[test]
fn a_hostile_issuer_is_escaped() {
    let notice = goes_on_waiting(in_browser(), &format!("{RIGHT}&iss=%1b[2J%0a"), RIGHT);
    assert!(!notice.chars().any(char::is_control), "{notice:?}");
}

#[test]
fn a_notice_contains_no_secret() {
    let login = in_browser();
    let state = login.shown().query.one("state").unwrap().to_owned();
    for query in ["code=c0de&code=c0de&state={state}", "code=c0de&state={state}&iss=x"] {
        let notice = goes_on_waiting(in_browser(), query, RIGHT);
        assert!(!notice.contains("c0de") && !notice.contains(&state), "{notice}");
    }
}

#[test]
fn only_one_redirect_is_redeemed() {
    openid().login_in_browser().redirects(RIGHT).redeems(tokens(1)).fails(Code::InvalidIdToken);
}

#[test]
fn the_remaining_time_decreases() {
    let login = in_browser();
    assert_eq!(login.shown().wait_ms, 5 * MINUTE_MS);
    let login = login.later(MINUTE_MS).redirects("state=another");
    assert_eq!(login.shown().wait_ms, 4 * MINUTE_MS);
    assert_eq!(login.shown().url, in_browser().shown().url);
}

#[test]
fn stray_redirects_do_not_prolong_a_login() {
    in_browser().later(5 * MINUTE_MS).redirects("state=another").declines().fails(Code::TimedOut);
}

#[test]
fn the_right_redirect_is_accepted_at_the_last_moment() {
    in_browser().later(5 * MINUTE_MS).redirects(RIGHT).sent();
}

#[test]
fn a_login_times_out() {
    in_browser().times_out().declines().fails(Code::TimedOut);
}

#[test]
fn a_user_may_cancel() {
    in_browser().gives_up().fails(Code::Cancelled);
}

#[test]
fn without_an_issuer_only_state_and_path_are_checked() {
    goes_on_waiting(oauth().login(), "code=c0de&state=another", RIGHT);
    oauth().login().redirects(&format!("{RIGHT}&iss=https://git.example")).sent();
}

#[test]
fn a_timeout_mentions_a_rejected_redirect() {
    let waiting = in_browser().redirects("code=c0de").times_out().declines();
    let failure = waiting.fails(Code::TimedOut);
    assert!(failure.message.contains("was not accepted"), "{}", failure.message);
    assert!(failure.message.contains("state"), "{}", failure.message);
}
