//! A login with a code on another device (RFC 8628).

use serde_json::{Value, json};

use super::given::{Given, NOW_MS, openid};
use super::provider::{
    Answer, access_token, id_token, metadata_with, not_found, oauth_error, ok, status, tokens,
    unreachable, unsent, usual_keys,
};
use super::script::Script;
use crate::contract::{Code, LoginFlow, Reply, Response, TokenSource};
use crate::protocol::request::header;

fn code() -> Value {
    json!({
        "device_code": "device-secret",
        "user_code": "WDJB-MJHT",
        "verification_uri": "https://id.example/device",
        "verification_uri_complete": "https://id.example/device?user_code=WDJB-MJHT",
        "expires_in": 600,
        "interval": 5,
    })
}

/// The usual code with one field changed. Null removes the field.
fn code_with(field: &str, value: Value) -> Value {
    let mut document = code();
    document[field] = value;
    if document[field].is_null() {
        document.as_object_mut().unwrap().remove(field);
    }
    document
}

fn given() -> Given {
    openid().flow(Some(LoginFlow::Device))
}

fn discovered(given: Given) -> Script {
    let endpoint = json!("https://id.example/device_authorization");
    given.login().discovers(metadata_with("device_authorization_endpoint", endpoint))
}

fn shown(answer: impl Answer) -> Script {
    discovered(given()).codes(answer)
}

fn polling() -> Script {
    shown(code()).presents()
}

fn pending() -> Reply {
    oauth_error("authorization_pending")
}

// ---- A successful login ------------------------------------------------------

#[test]
fn a_user_enters_the_code_and_is_logged_in() {
    let login = discovered(given().scopes(&["openid", "email"]));
    assert_eq!(login.sent().url, "https://id.example/device_authorization");
    assert_eq!(login.sent().form.one("scope"), Some("openid email"));
    assert_eq!(login.sent().form.one("client_id"), Some("cli"));
    let login = login.codes(code());
    let prompt = login.prompt();
    assert_eq!(prompt.user_code, "WDJB-MJHT");
    assert_eq!(prompt.verification_uri, "https://id.example/device");
    assert!(prompt.verification_uri_complete.unwrap().ends_with("=WDJB-MJHT"));
    assert_eq!(prompt.expires_at_ms, NOW_MS + 600_000);
    let login = login.presents();
    let poll = login.sent();
    assert_eq!(poll.url, "https://id.example/token");
    assert_eq!(poll.form.one("grant_type"), Some("urn:ietf:params:oauth:grant-type:device_code"));
    assert_eq!(poll.form.one("device_code"), Some("device-secret"));
    let login = login.polls_after(5, pending()).polls_after(5, tokens(1).and(id_token()));
    let login = login.fetches_keys(usual_keys()).locks(None).saves();
    assert!(!login.stored_field("token_endpoint").is_null());
    let grant = login.grants();
    assert_eq!(grant.access_token, access_token(1));
    assert_eq!(grant.source, TokenSource::Login);
}

#[test]
fn an_id_token_is_checked_in_the_device_flow() {
    let login = polling().polls_after(5, tokens(1).and(id_token().claim("aud", "another")));
    login.fetches_keys(usual_keys()).fails(Code::InvalidIdToken);
}

#[test]
fn an_id_token_is_optional_in_the_device_flow() {
    let login = polling().polls_after(5, tokens(1));
    let userinfo = ok(json!({ "sub": "ada", "name": "Ada" }));
    let login = login.asks_userinfo(userinfo).locks(None).saves();
    assert_eq!(login.stored_field("subject"), "ada");
    assert!(login.grants().id_token.is_none());
}

// ---- Polling interval --------------------------------------------------------

#[test]
fn slow_down_lengthens_every_later_poll() {
    polling()
        .polls_after(5, oauth_error("slow_down"))
        .polls_after(10, pending())
        .polls_after(10, oauth_error("slow_down"))
        .polls_after(15, pending())
        .polls_after(15, tokens(1).and(id_token()));
}

#[test]
fn an_absurd_interval_is_corrected() {
    for (sent, kept) in [
        (json!(null), 5),
        (json!(0), 5),
        (json!(-3), 5),
        (json!("soon"), 5),
        (json!("7"), 7),
        (json!(1), 1),
        (json!(86_400), 60),
    ] {
        shown(code_with("interval", sent)).presents().polls_after(kept, pending());
    }
}

#[test]
fn the_delay_doubles_during_an_outage_and_returns_to_the_interval() {
    polling()
        .polls_after(5, unreachable())
        .polls_after(10, unsent())
        .polls_after(20, status(502, ""))
        .polls_after(40, status(503, "<h1>down</h1>"))
        .polls_after(60, unreachable())
        .polls_after(60, pending())
        .polls_after(5, tokens(1).and(id_token()));
}

#[test]
fn retry_after_is_respected() {
    let headers = vec![header("retry-after", "30")];
    let body = br#"{"error":"slow_down"}"#.to_vec();
    let reply = Reply::Answered(Ok(Response { status: 429, headers, body }));
    polling().polls_after(5, reply).polls_after(30, pending()).polls_after(10, pending());
}

// ---- Failed logins -----------------------------------------------------------

#[test]
fn access_denied_ends_the_login() {
    let failure = polling().polls_after(5, oauth_error("access_denied")).fails(Code::AccessDenied);
    assert_eq!(failure.provider.unwrap().error, "access_denied");
}

#[test]
fn an_unused_code_expires() {
    polling().polls_after(5, oauth_error("expired_token")).declines().fails(Code::TimedOut);
    // There is no time for a further poll.
    polling().later(594_000).polls_after(5, pending()).declines().fails(Code::TimedOut);
}

#[test]
fn a_login_ends_at_the_time_limit_for_the_user() {
    let given = || given().patience_ms(60_000);
    let login = discovered(given()).codes(code());
    assert_eq!(login.prompt().expires_at_ms, NOW_MS + 60_000);
    let login = login.presents();
    assert_eq!(login.exchange().timeout_ms, Some(55_000));
    let login = login.later(49_000).polls_after(5, pending());
    assert_eq!(login.exchange().timeout_ms, Some(1_000));
    login.polls_after(5, unreachable()).declines().fails(Code::TimedOut);
    // A code with a shorter lifetime ends the login earlier.
    let login = discovered(given()).codes(code_with("expires_in", json!(30)));
    assert_eq!(login.prompt().expires_at_ms, NOW_MS + 30_000);
}

#[test]
fn max_age_and_acr_are_checked_in_the_device_flow() {
    let login = |name: &str, value: &str| {
        let login = discovered(given().parameter(name, value));
        assert_eq!(login.sent().form.one(name), Some(value));
        login.codes(code()).presents()
    };
    let with = |login: Script, id_token| {
        login.polls_after(5, tokens(1).and(id_token)).fetches_keys(usual_keys())
    };
    with(login("max_age", "300"), id_token().at("auth_time", -300_000)).locks(None);
    with(login("max_age", "300"), id_token()).fails(Code::InvalidIdToken);
    with(login("acr_values", "gold"), id_token().claim("acr", "gold")).locks(None);
    with(login("acr_values", "gold"), id_token()).fails(Code::InvalidIdToken);
    let failure = login("max_age", "300").polls_after(5, tokens(1)).fails(Code::InvalidIdToken);
    assert!(failure.message.contains("max_age"), "{}", failure.message);
}

#[test]
fn an_outage_lasts_until_the_code_expires() {
    let mut login = polling();
    for seconds in [5, 10, 20, 40] {
        login = login.polls_after(seconds, unreachable());
    }
    login.later(600_000).polls_after(60, unreachable()).declines().fails(Code::TimedOut);
}

#[test]
fn a_late_recovery_leaves_time_for_a_last_poll() {
    // After 75 s without a response, 35 s are left: less than the next delay.
    let login = shown(code_with("expires_in", json!(110))).presents();
    let login = login.polls_after(5, unreachable()).polls_after(10, unreachable());
    let login = login.polls_after(20, unreachable()).polls_after(40, unreachable());
    assert_eq!(login.exchange().timeout_ms, Some(1_000));
    login.polls_after(34, tokens(1).and(id_token())).fetches_keys(usual_keys()).locks(None);
    // If the provider asks for a longer delay, no poll is sent before it ends.
    let headers = vec![header("retry-after", "60")];
    let away = Reply::Answered(Ok(Response { status: 503, headers, body: Vec::new() }));
    let login = shown(code_with("expires_in", json!(60))).presents();
    login.polls_after(5, away).declines().fails(Code::TimedOut);
}

#[test]
fn any_other_error_ends_the_login() {
    for error in ["invalid_grant", "invalid_client", "unsupported_grant_type", "made_up"] {
        polling().polls_after(5, oauth_error(error)).fails(Code::ProviderRefused);
    }
    polling().polls_after(5, status(404, "")).fails(Code::InvalidTokenResponse);
}

#[test]
fn a_missing_device_endpoint_differs_from_a_broken_one() {
    let failure = given().login().discovers(super::provider::metadata());
    assert!(failure.declines().fails(Code::DeviceLoginUnavailable).remedy.contains("--flow paste"));
    // The metadata names an endpoint that does not exist: another flow is offered.
    for answer in [not_found(), status(405, "")] {
        let login = shown(answer);
        assert_eq!(login.offer().flows, [LoginFlow::Browser, LoginFlow::Paste]);
        login.declines().fails(Code::InvalidDeviceResponse);
    }
    shown(oauth_error("unauthorized_client")).fails(Code::ProviderRefused);
    shown(status(500, "")).fails(Code::ProviderUnavailable);
}

// ---- Device authorization responses ------------------------------------------

#[test]
fn a_response_without_a_mandatory_member_is_rejected() {
    for field in ["device_code", "user_code", "verification_uri"] {
        let login = shown(code_with(field, json!(null))).declines();
        let failure = login.fails(Code::InvalidDeviceResponse);
        assert!(failure.message.contains(field), "{}", failure.message);
    }
    for answer in [
        ok(code_with("user_code", json!("  "))),
        ok(code_with("user_code", json!("x".repeat(65)))),
        status(200, "<html>"),
    ] {
        shown(answer).declines().fails(Code::InvalidDeviceResponse);
    }
}

#[test]
fn an_unsafe_verification_uri_is_rejected() {
    for uri in ["http://id.example/device", "javascript:alert(1)", "file:///etc/passwd", "device"] {
        let login = shown(code_with("verification_uri", json!(uri))).declines();
        login.fails(Code::InvalidDeviceResponse);
    }
}

#[test]
fn an_unsafe_verification_uri_complete_is_omitted() {
    for uri in ["http://id.example/x", "javascript:alert(1)", "https://other.example/x", ""] {
        let login = shown(code_with("verification_uri_complete", json!(uri)));
        assert_eq!(login.prompt().verification_uri_complete, None, "{uri}");
    }
}

#[test]
fn a_verification_uri_may_have_a_fragment() {
    for field in ["verification_uri", "verification_uri_complete"] {
        let login = shown(code_with(field, json!("https://id.example/#/device")));
        let prompt = login.prompt();
        let shown = match field {
            "verification_uri" => Some(prompt.verification_uri),
            _ => prompt.verification_uri_complete,
        };
        assert_eq!(shown.as_deref(), Some("https://id.example/#/device"));
    }
}

#[test]
fn verification_url_is_accepted() {
    let mut document = code_with("verification_uri", json!(null));
    document["verification_url"] = json!("https://id.example/device");
    assert_eq!(shown(ok(document)).prompt().verification_uri, "https://id.example/device");
}

#[test]
fn a_user_code_cannot_control_the_terminal() {
    let login = shown(code_with("user_code", json!("AB\u{1b}[2J\u{202e}CD")));
    assert_eq!(login.prompt().user_code, "AB\\u{1b}[2J\\u{202e}CD");
}

#[test]
fn an_absurd_lifetime_is_corrected() {
    for (sent, kept_s) in [(json!(null), 600), (json!(0), 600), (json!(1_000_000), 3600)] {
        let login = shown(code_with("expires_in", sent));
        assert_eq!(login.prompt().expires_at_ms, NOW_MS + kept_s * 1000);
    }
}
