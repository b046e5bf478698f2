//! Logout.

use serde_json::{Value, json};

use super::given::{Given, logged_in, logged_in_with, openid};
use super::provider::{
    access_token, denied, id_token, metadata_with, oauth_error, refresh_token, status, tokens,
    too_large, unreachable, usual_keys,
};
use super::script::Script;
use crate::contract::{ClientAuthentication, Code, LogoutReport, TokenHint, UnrevokedCause};

fn logging_out() -> Script {
    openid().stored(logged_in()).logout().locks(Some(logged_in()))
}

/// The stored session of a provider without a revocation endpoint.
fn without_revocation() -> Vec<u8> {
    let mut stored: serde_json::Value = serde_json::from_slice(&logged_in()).unwrap();
    stored["revocation_endpoint"] = json!(null);
    stored.to_string().into_bytes()
}

fn reasons(report: &LogoutReport) -> Vec<&str> {
    report.not_revoked.iter().map(|unrevoked| unrevoked.reason.as_str()).collect()
}

#[test]
fn both_tokens_are_revoked_the_refresh_token_first() {
    let logout = logging_out();
    assert_eq!(logout.sent().url, "https://id.example/revoke");
    assert_eq!(logout.sent().form.one("token"), Some(refresh_token(1).as_str()));
    assert_eq!(logout.sent().form.one("token_type_hint"), Some("refresh_token"));
    assert_eq!(logout.sent().form.one("client_id"), Some("cli"));
    let logout = logout.revokes(status(200, ""));
    assert_eq!(logout.sent().form.one("token"), Some(access_token(1).as_str()));
    assert_eq!(logout.sent().form.one("token_type_hint"), Some("access_token"));
    let report = logout.revokes(status(200, "")).deletes().logs_out();
    assert!(report.was_logged_in && report.not_revoked.is_empty());
    assert_eq!(report.revoked, [TokenHint::RefreshToken, TokenHint::AccessToken]);
}

#[test]
fn logout_ends_the_session_that_is_stored_now() {
    let given = openid().stored(logged_in());
    let logout = given.logout().locks(Some(logged_in_with(tokens(2))));
    assert_eq!(logout.sent().form.one("token"), Some(refresh_token(2).as_str()));
}

#[test]
fn logout_without_a_stored_session_does_nothing() {
    let report = openid().logout().locks(None).logs_out();
    assert!(!report.was_logged_in && report.revoked.is_empty() && report.not_revoked.is_empty());
}

#[test]
fn a_provider_that_cannot_revoke_is_reported() {
    let stored = without_revocation();
    let logout = openid().stored(stored.clone()).logout().locks(Some(stored));
    let report = logout.deletes().logs_out();
    assert!(report.revoked.is_empty());
    assert_eq!(reasons(&report), ["the provider has no revocation endpoint"; 2]);
    assert!(report.not_revoked.iter().all(|left| left.cause == UnrevokedCause::NotOffered));
}

#[test]
fn a_revocation_endpoint_may_be_set() {
    let given = openid().client(|client| {
        client.endpoints.revocation = Some("https://id.example/by-hand".to_owned());
    });
    let stored = without_revocation();
    let logout = given.stored(stored.clone()).logout().locks(Some(stored));
    assert_eq!(logout.sent().url, "https://id.example/by-hand");
}

#[test]
fn a_failing_revocation_still_deletes_the_session() {
    use UnrevokedCause::*;
    for (reply, cause, reason) in [
        (oauth_error("unsupported_token_type"), Refused, "unsupported_token_type"),
        (status(503, "<h1>down</h1>"), Unreachable, "503"),
        (status(429, ""), Unreachable, "429"),
        (status(400, r#"{"error":"\u001b[2J"}"#), Refused, "\\u{1b}[2J"),
        (unreachable(), Unreachable, "connection reset"),
        (too_large(7), Unreachable, "more than 7 bytes"),
        (denied("a private address"), Unreachable, "a private address"),
    ] {
        let report = logging_out().revokes(reply).revokes(status(200, "")).deletes().logs_out();
        assert_eq!(report.revoked, [TokenHint::AccessToken]);
        assert!(reasons(&report)[0].contains(reason), "{}", reasons(&report)[0]);
        assert!(report.not_revoked[0].cause == cause, "{reason}");
        assert!(!reasons(&report)[0].chars().any(char::is_control));
    }
}

#[test]
fn a_provider_that_revokes_only_refresh_tokens_does_not_refuse() {
    let logout = logging_out().revokes(status(200, ""));
    let report = logout.revokes(oauth_error("unsupported_token_type")).deletes().logs_out();
    assert_eq!(report.revoked, [TokenHint::RefreshToken]);
    assert!(report.not_revoked[0].cause == UnrevokedCause::NotOffered);
}

#[test]
fn a_missing_secret_does_not_prevent_logout() {
    let given = |given: Given| given.stored(logged_in());
    let method = ClientAuthentication::ClientSecretBasic;
    let given = given(openid().client(|client| client.authentication = Some(method)));
    let report = given.logout().locks(Some(logged_in())).deletes().logs_out();
    assert_eq!(report.not_revoked.len(), 2);
    assert!(report.not_revoked.iter().all(|left| left.cause == UnrevokedCause::Unreachable));
}

#[test]
fn a_session_without_a_refresh_token_ends_too() {
    let stored = logged_in_with(tokens(1).without("refresh_token"));
    let logout = openid().stored(stored.clone()).logout().locks(Some(stored));
    let report = logout.revokes(status(200, "")).deletes().logs_out();
    assert_eq!(report.revoked, [TokenHint::AccessToken]);
}

#[test]
fn a_failing_deletion_fails_the_logout() {
    let revoked = logging_out().revokes(status(200, "")).revokes(status(200, ""));
    revoked.cannot_save().fails(Code::NotSaved);
}

#[test]
fn an_unreadable_session_is_not_deleted() {
    let damaged = Some(b"{".to_vec());
    let failure = openid().stored(damaged.clone()).try_logout().err().unwrap();
    assert_eq!(failure.code, Code::StoredDamaged);
    openid().logout().locks(damaged).fails(Code::StoredDamaged);
}

// ---- The session at the provider ---------------------------------------------

fn ending(endpoint: Value) -> LogoutReport {
    let login = openid().login().discovers(metadata_with("end_session_endpoint", endpoint));
    let login = login.redirects("code=c0de&state={state}").redeems(tokens(1).and(id_token()));
    let stored = login.fetches_keys(usual_keys()).locks(None).saves().stored();
    let logout = openid().stored(stored.clone()).logout().locks(stored);
    logout.revokes(status(200, "")).revokes(status(200, "")).deletes().logs_out()
}

#[test]
fn a_browser_can_end_the_session_at_the_provider() {
    let report = ending(json!("https://id.example/end?tenant=a"));
    let url = report.end_session_url.unwrap();
    assert!(
        url.starts_with("https://id.example/end?tenant=a&client_id=cli&id_token_hint="),
        "{url}"
    );
}

#[test]
fn without_an_end_session_endpoint_there_is_no_url() {
    assert_eq!(ending(json!(null)).end_session_url, None);
}
