//! Retries: which requests are sent again, and after which delay.

use serde_json::json;

use super::given::{HOUR_MS, logged_in, openid};
use super::provider::{
    access_token, denied, id_token, metadata, status, tokens, too_large, unreachable, unsent,
};
use super::script::Script;
use crate::contract::{Code, Reply, Response, TokenSource};
use crate::protocol::request::header;

fn refreshing() -> Script {
    openid().stored(logged_in()).later(HOUR_MS).token().locks(Some(logged_in()))
}

fn redeeming() -> Script {
    openid().login_in_browser().redirects("code=c0de&state={state}")
}

/// A response with `Retry-After`.
fn come_back(code: u16, retry_after: &str) -> Reply {
    let headers = vec![header("Retry-After", retry_after)];
    Reply::Answered(Ok(Response { status: code, headers, body: Vec::new() }))
}

// ---- Attempts and delays -----------------------------------------------------

#[test]
fn a_request_is_sent_three_times_with_growing_delays() {
    let login = openid().login();
    assert_eq!(login.pause_ms(), 0);
    let login = login.stumbles(unreachable());
    assert!((250..375).contains(&login.pause_ms()), "{}", login.pause_ms());
    let login = login.stumbles(status(502, ""));
    assert!((1000..1500).contains(&login.pause_ms()), "{}", login.pause_ms());
    assert!(login.stumbles(unsent()).fails(Code::Unreachable).retryable);
}

#[test]
fn a_response_to_the_second_attempt_is_accepted() {
    let login = openid().login().stumbles(unreachable()).discovers(metadata());
    assert!(login.shown().url.starts_with("https://id.example/authorize?"));
}

#[test]
fn each_request_has_three_attempts() {
    let stumbling = |script: Script| script.stumbles(unreachable()).stumbles(unreachable());
    let login = stumbling(openid().login()).discovers(metadata());
    let login = login.redirects("code=c0de&state={state}").redeems(tokens(1).and(id_token()));
    assert!(stumbling(login).sent().url.ends_with("/keys"));
}

#[test]
fn retry_after_is_respected() {
    let login = openid().login().stumbles(come_back(503, "7"));
    assert_eq!(login.pause_ms(), 7_000);
    let login = openid().login().stumbles(come_back(429, "0"));
    assert!((250..375).contains(&login.pause_ms()));
}

#[test]
fn a_long_retry_after_is_not_waited_for() {
    let asking = || openid().stored(logged_in()).userinfo().token();
    for retry_after in ["11", "86400"] {
        let asked = asking().stumbles(come_back(429, retry_after));
        assert!(asked.fails(Code::ProviderUnavailable).retryable);
    }
    // Anything but a number of seconds is ignored.
    for retry_after in ["99999999999999999999", "Wed, 21 Oct 2026 07:28:00 GMT", "-1"] {
        assert!(asking().stumbles(come_back(429, retry_after)).pause_ms() < 375);
    }
}

#[test]
fn a_permanent_failure_is_not_retried() {
    for (reply, code) in [
        (denied("a private address"), Code::EgressDenied),
        (too_large(1), Code::InvalidUserinfo),
        (status(404, ""), Code::InvalidUserinfo),
    ] {
        openid().stored(logged_in()).userinfo().token().stumbles(reply).fails(code);
    }
}

// ---- Requests that must not be repeated --------------------------------------

#[test]
fn a_refresh_token_that_may_have_arrived_is_not_sent_again() {
    for (reply, code) in [
        (unreachable(), Code::Unreachable),
        (status(500, ""), Code::ProviderUnavailable),
        (status(502, ""), Code::ProviderUnavailable),
        (status(503, ""), Code::ProviderUnavailable),
        (status(504, ""), Code::ProviderUnavailable),
    ] {
        assert!(refreshing().stumbles(reply).fails(code).retryable);
    }
}

#[test]
fn a_refresh_token_that_was_not_sent_is_retried() {
    let grant = refreshing().stumbles(unsent()).stumbles(unsent()).refreshes(tokens(2));
    assert_eq!(grant.saves().grants().access_token, access_token(2));
}

#[test]
fn a_refresh_token_rejected_without_processing_is_retried() {
    for reply in [status(429, ""), come_back(429, "2"), come_back(503, "1")] {
        let grant = refreshing().stumbles(reply).refreshes(tokens(2)).saves().grants();
        assert_eq!(grant.source, TokenSource::Renewed);
    }
}

#[test]
fn a_code_that_may_have_arrived_is_not_sent_again() {
    redeeming().stumbles(unreachable()).fails(Code::Unreachable);
    assert_eq!(redeeming().stumbles(unsent()).sent().form.one("code"), Some("c0de"));
}

#[test]
fn a_revocation_is_retried() {
    let logout = openid().stored(logged_in()).logout().locks(Some(logged_in()));
    let logout = logout.stumbles(unreachable()).stumbles(status(503, "")).revokes(status(200, ""));
    let report = logout.revokes(status(200, "")).deletes().logs_out();
    assert!(report.not_revoked.is_empty());
}

// ---- Retries that are not needed ---------------------------------------------

#[test]
fn a_valid_token_is_granted_without_a_retry() {
    let token = openid().stored(logged_in()).later(HOUR_MS - 1).token().locks(Some(logged_in()));
    let grant = token.stumbles(unsent()).grants();
    assert_eq!(grant.source, TokenSource::Cached);
}

#[test]
fn an_ended_session_retries_nothing() {
    let token = openid().stored(logged_in()).userinfo().token();
    token.asks_userinfo(unreachable()).fails(Code::Unreachable);
    let token = openid().stored(logged_in()).userinfo().token();
    token.asks_userinfo(json!({ "sub": "ada" })).grants();
}
