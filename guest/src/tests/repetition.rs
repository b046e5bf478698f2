//! Retries: which requests are sent again, and after which delay.

use serde_json::json;

use super::given::{HOUR_MS, logged_in, openid};
use super::provider::{access_token, id_token, metadata, status, tokens, unreachable, unsent};
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
    Reply::Response(Response { status: code, headers, body: Vec::new() })
}

// ---- Attempts and delays -----------------------------------------------------

#[test]
fn a_request_is_sent_three_times_with_growing_pauses() {
    let login = openid().login();
    assert_eq!(login.pause_ms(), 0);
    let login = login.stumbles(unreachable());
    assert!((250..375).contains(&login.pause_ms()), "{}", login.pause_ms());
    let login = login.stumbles(status(502, ""));
    assert!((1000..1500).contains(&login.pause_ms()), "{}", login.pause_ms());
    assert!(login.stumbles(unsent()).fails(Code::Unreachable).retryable);
}

#[test]
fn an_answer_at_the_second_try_is_as_good_as_at_the_first() {
    let login = openid().login().stumbles(unreachable()).discovers(metadata());
    assert!(login.shown().url.starts_with("https://id.example/authorize?"));
}

#[test]
fn each_request_has_three_tries_of_its_own() {
    let stumbling = |script: Script| script.stumbles(unreachable()).stumbles(unreachable());
    let login = stumbling(openid().login()).discovers(metadata());
    let login = login.redirects("code=c0de&state={state}").redeems(tokens(1).and(id_token()));
    assert!(stumbling(login).sent().url.ends_with("/keys"));
}

#[test]
fn a_pause_that_the_provider_asks_for_is_kept() {
    let login = openid().login().stumbles(come_back(503, "7"));
    assert_eq!(login.pause_ms(), 7_000);
    let login = openid().login().stumbles(come_back(429, "0"));
    assert!((250..375).contains(&login.pause_ms()));
}

#[test]
fn nobody_waits_longer_than_a_person_would() {
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
fn what_is_final_is_not_sent_again() {
    for (reply, code) in [
        (Reply::Denied("a private address".to_owned()), Code::EgressDenied),
        (Reply::TooLarge(1), Code::InvalidUserinfo),
        (status(404, ""), Code::InvalidUserinfo),
    ] {
        openid().stored(logged_in()).userinfo().token().stumbles(reply).fails(code);
    }
}

// ---- Requests that must not be repeated --------------------------------------

#[test]
fn a_refresh_token_that_may_have_arrived_is_not_presented_twice() {
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
fn a_refresh_token_that_never_left_is_presented_again() {
    let grant = refreshing().stumbles(unsent()).stumbles(unsent()).refreshes(tokens(2));
    assert_eq!(grant.saves().grants().access_token, access_token(2));
}

#[test]
fn a_refresh_token_that_was_turned_away_unread_is_presented_again() {
    for reply in [status(429, ""), come_back(429, "2"), come_back(503, "1")] {
        let grant = refreshing().stumbles(reply).refreshes(tokens(2)).saves().grants();
        assert_eq!(grant.source, TokenSource::Renewed);
    }
}

#[test]
fn a_code_that_may_have_arrived_is_not_redeemed_twice() {
    redeeming().stumbles(unreachable()).fails(Code::Unreachable);
    assert_eq!(redeeming().stumbles(unsent()).sent().form.one("code"), Some("c0de"));
}

#[test]
fn a_revocation_is_repeated() {
    let logout = openid().stored(logged_in()).logout().locks(Some(logged_in()));
    let logout = logout.stumbles(unreachable()).stumbles(status(503, "")).revokes(status(200, ""));
    let report = logout.revokes(status(200, "")).deletes().logs_out();
    assert!(report.not_revoked.is_empty());
}

// ---- Retries that are not needed ---------------------------------------------

#[test]
fn a_token_that_is_still_good_is_handed_out_without_a_second_try() {
    let token = openid().stored(logged_in()).later(HOUR_MS - 1).token().locks(Some(logged_in()));
    let grant = token.stumbles(unsent()).grants();
    assert_eq!(grant.source, TokenSource::Cached);
}

#[test]
fn a_session_that_has_ended_sends_nothing_again() {
    let token = openid().stored(logged_in()).userinfo().token();
    token.asks_userinfo(unreachable()).fails(Code::Unreachable);
    let token = openid().stored(logged_in()).userinfo().token();
    token.asks_userinfo(json!({ "sub": "ada" })).grants();
}
