//! Hexclave sessions: renewal, userinfo, and logout.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::given::{Given, HOUR_MS, MINUTE_MS, NOW_MS, hexclave};
use super::hexclave::{ada, begun, confirmed, renewed};
use super::provider::{access_token, status, unreachable};
use super::script::Script;
use crate::contract::{Code, HexclaveHeaders, LogoutReport, Method, Reply, TokenHint, TokenSource};

pub(super) fn stored() -> Vec<u8> {
    static STORED: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let login = hexclave().login().codes(begun()).brings().polls_after(0, confirmed());
        let login = login.renews(renewed(1)).asks_userinfo(ada()).locks(None);
        login.saves().stored().unwrap()
    });
    STORED.clone()
}

fn given() -> Given {
    hexclave().stored(stored())
}

/// An hour later the access token has expired.
fn renewing() -> Script {
    given().later(HOUR_MS).token().locks(Some(stored()))
}

fn gone() -> Reply {
    let error = "Refresh token not found for this project, or the session has expired.";
    let body = json!({ "code": "REFRESH_TOKEN_NOT_FOUND_OR_EXPIRED", "error": error });
    status(401, &body.to_string())
}

// ---- Tokens ------------------------------------------------------------------

#[test]
fn a_fresh_token_needs_no_request() {
    let grant = given().later(5 * MINUTE_MS).token().grants();
    assert_eq!(grant.access_token, access_token(1));
    assert!(grant.source == TokenSource::Cached);
}

#[test]
fn a_renewal_keeps_the_refresh_token() {
    let token = renewing();
    let sent = token.sent();
    assert!(sent.method == Method::Post);
    let url = "https://api.hexclave.example/api/v1/auth/sessions/current/refresh";
    assert_eq!(sent.url, url);
    assert_eq!(sent.header("x-hexclave-refresh-token"), Some("refresh-secret-1"));
    let token = token.renews(renewed(2)).saves();
    assert_eq!(token.stored_field("refresh_token"), "refresh-secret-1");
    let grant = token.grants();
    assert_eq!(grant.access_token, access_token(2));
    assert_eq!(grant.expires_at_ms, Some(NOW_MS + HOUR_MS + 10 * MINUTE_MS));
    assert!(grant.headers.iter().any(|header| header.value == access_token(2)));
}

#[test]
fn a_session_is_over_only_after_it_was_read_again() {
    let token = renewing().renews(gone()).locks(Some(stored()));
    let failure = token.deletes().fails(Code::LoginRequired);
    assert_eq!(failure.provider.unwrap().error, "REFRESH_TOKEN_NOT_FOUND_OR_EXPIRED");
    let mut newer: Value = serde_json::from_slice(&stored()).unwrap();
    newer["refresh_token"] = json!("refresh-secret-2");
    let token = renewing().renews(gone()).locks(Some(newer.to_string().into_bytes()));
    token.renews(renewed(3)).saves().grants();
}

#[test]
fn any_other_error_keeps_the_session() {
    let refused = json!({ "code": "INVALID_PUBLISHABLE_CLIENT_KEY", "error": "no" }).to_string();
    for (answer, code) in [
        (status(401, &refused), Code::ProviderRefused),
        (status(401, "no"), Code::InvalidTokenResponse),
        (status(503, &refused), Code::ProviderUnavailable),
        (unreachable(), Code::Unreachable),
    ] {
        renewing().renews(answer).fails(code);
    }
}

#[test]
fn claims_have_the_names_of_openid_connect() {
    let token = given().userinfo().token();
    assert_eq!(token.sent().url, "https://api.hexclave.example/api/v1/users/me");
    assert_eq!(token.sent().header("x-hexclave-access-token"), Some("access-secret-1"));
    let claims: Value =
        serde_json::from_str(&token.asks_userinfo(ada()).grants().claims.unwrap()).unwrap();
    for (name, value) in [("sub", "user-1"), ("name", "Ada"), ("email", "ada@example.org")] {
        assert_eq!(claims[name], value, "{name}");
    }
}

#[test]
fn an_access_token_that_was_revoked_is_renewed_once() {
    let refused = || {
        let token = given().userinfo().token().asks_userinfo(status(401, ""));
        token.locks(Some(stored())).renews(renewed(2)).saves()
    };
    refused().asks_userinfo(ada()).grants();
    refused().asks_userinfo(status(401, "")).fails(Code::LoginRequired);
}

// ---- The end -----------------------------------------------------------------

fn logging_out() -> Script {
    given().logout().locks(Some(stored()))
}

#[track_caller]
fn stays(report: &LogoutReport, reason: &str) {
    assert!(report.was_logged_in && report.revoked.is_empty());
    assert!(report.not_revoked[0].token == TokenHint::RefreshToken);
    let found = &report.not_revoked[0].reason;
    assert!(found.contains(reason), "{found}");
    assert!(!found.contains("secret"), "{found}");
}

#[test]
fn a_logout_ends_the_session_at_the_server() {
    let logout = logging_out().renews(renewed(2));
    let sent = logout.sent();
    assert!(sent.method == Method::Delete);
    assert_eq!(sent.url, "https://api.hexclave.example/api/v1/auth/sessions/current");
    assert_eq!(sent.header("x-hexclave-access-token"), Some("access-secret-2"));
    assert_eq!(sent.header("x-hexclave-refresh-token"), Some("refresh-secret-1"));
    let report = logout.revokes(status(200, r#"{"success":true}"#)).deletes().logs_out();
    assert_eq!(report.revoked, [TokenHint::RefreshToken]);
    assert!(report.was_logged_in && report.not_revoked.is_empty());
    assert_eq!(report.end_session_url, None);
}

#[test]
fn a_logout_uses_the_older_header_names() {
    let older = given().hexclave(|own| own.headers = HexclaveHeaders::Stack);
    let sent = older.logout().locks(Some(stored())).renews(renewed(2)).sent();
    assert_eq!(sent.header("x-stack-access-token"), Some("access-secret-2"));
    assert_eq!(sent.header("x-stack-refresh-token"), Some("refresh-secret-1"));
}

#[test]
fn a_session_unknown_to_the_server_counts_as_ended() {
    let report = logging_out().renews(gone()).deletes().logs_out();
    assert_eq!(report.revoked, [TokenHint::RefreshToken]);
}

#[test]
fn a_session_that_the_server_did_not_end_is_reported() {
    stays(&logging_out().renews(unreachable()).deletes().logs_out(), "connection reset");
    stays(&logging_out().renews(status(503, "")).deletes().logs_out(), "status 503");
    let logout = || logging_out().renews(renewed(2));
    stays(&logout().revokes(unreachable()).deletes().logs_out(), "connection reset");
    let body = json!({ "code": "NO", "error": "not now" }).to_string();
    stays(&logout().revokes(status(400, &body)).deletes().logs_out(), "not now");
}

#[test]
fn logout_without_a_stored_session_does_nothing() {
    assert!(!hexclave().logout().locks(None).logs_out().was_logged_in);
}
