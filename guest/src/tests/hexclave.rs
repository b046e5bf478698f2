//! Login on a page of a Hexclave project.

use serde_json::{Value, json};

use super::given::{Given, MINUTE_MS, NOW_MS, desk, hexclave};
use super::keys::encode;
use super::provider::{
    access_token, denied, refresh_token, status, too_large, unreachable, unsent,
};
use super::script::Script;
use crate::contract::{
    Code, Facts, HexclaveHeaders, LoginFlow, Method, Reply, Response, TokenSource,
};
use crate::protocol::request::header;

pub(super) fn begun() -> Value {
    json!({
        "polling_code": "polling-secret",
        "login_code": "l0gin",
        "expires_at": "2027-01-15T08:10:00Z",
    })
}

pub(super) fn confirmed() -> Reply {
    status(201, &json!({ "status": "success", "refresh_token": refresh_token(1) }).to_string())
}

pub(super) fn renewed(number: u32) -> Value {
    json!({ "access_token": access_token(number) })
}

pub(super) fn ada() -> Value {
    json!({ "id": "user-1", "display_name": "Ada", "primary_email": "ada@example.org" })
}

pub(super) fn waiting() -> Value {
    json!({ "status": "waiting" })
}

fn polling() -> Script {
    hexclave().login().codes(begun()).brings()
}

fn confirmed_login() -> Script {
    polling().polls_after(0, confirmed())
}

// ---- The start ---------------------------------------------------------------

#[test]
fn a_login_begins_with_one_request() {
    let sent = hexclave().login().sent();
    assert!(sent.method == Method::Post);
    assert_eq!(sent.url, "https://api.hexclave.example/api/v1/auth/cli");
    assert_eq!(sent.json, json!({ "expires_in_millis": 5 * MINUTE_MS }));
    for (name, value) in [
        ("x-hexclave-project-id", "project"),
        ("x-hexclave-access-type", "client"),
        ("content-type", "application/json"),
        ("accept", "application/json"),
    ] {
        assert_eq!(sent.header(name), Some(value), "{name}");
    }
    assert_eq!(sent.header("x-hexclave-publishable-client-key"), None);
    assert_eq!(sent.authorization, None);
}

#[test]
fn a_publishable_key_is_sent_if_there_is_one() {
    let key = |key: &str| Some(key.to_owned());
    let login = hexclave().hexclave(|own| own.publishable_client_key = key("pck_1")).login();
    assert_eq!(login.sent().header("x-hexclave-publishable-client-key"), Some("pck_1"));
}

#[test]
fn an_older_server_gets_the_older_header_names() {
    let older = hexclave().hexclave(|own| {
        own.headers = HexclaveHeaders::Stack;
        own.publishable_client_key = Some("pck_1".to_owned());
    });
    let sent = older.login().sent();
    assert_eq!(sent.header("x-stack-project-id"), Some("project"));
    assert_eq!(sent.header("x-stack-access-type"), Some("client"));
    assert_eq!(sent.header("x-stack-publishable-client-key"), Some("pck_1"));
    assert!(!sent.headers.iter().any(|header| header.name.starts_with("x-hexclave")));
}

#[test]
fn the_lifetime_of_a_login_is_limited_by_the_server() {
    for (patience_ms, asked_ms) in [(0, 1), (60_000, 60_000), (3_600_000, 900_000)] {
        let login = hexclave().patience_ms(patience_ms).login();
        assert_eq!(login.sent().json["expires_in_millis"], asked_ms);
        assert_eq!(login.codes(begun()).page().expires_at_ms, NOW_MS + asked_ms);
    }
}

#[test]
fn an_anonymous_refresh_token_is_sent() {
    let login = hexclave().anonymous("anonymous-secret").login();
    assert_eq!(login.sent().json["anon_refresh_token"], "anonymous-secret");
    let refusal = json!({ "code": "SCHEMA_ERROR", "error": "no such session" });
    login.codes(status(400, &refusal.to_string())).fails(Code::ProviderRefused);
}

#[test]
fn no_metadata_is_fetched_and_no_id_token_expected() {
    let given = hexclave().scopes(&["openid"]).client(|client| client.discover = true);
    let login = given.login().codes(begun()).brings().polls_after(0, confirmed());
    login.renews(renewed(1)).asks_userinfo(ada()).locks(None).saves().grants();
}

#[test]
fn a_base_url_may_end_in_a_slash_or_a_path() {
    for (base, url) in [
        ("https://api.example/", "https://api.example/api/v1/auth/cli"),
        ("https://example.org/auth", "https://example.org/auth/api/v1/auth/cli"),
        ("http://localhost:8102", "http://localhost:8102/api/v1/auth/cli"),
    ] {
        let given = hexclave().client(|client| client.issuer = Some(base.to_owned()));
        assert_eq!(given.login().sent().url, url);
    }
}

#[test]
fn settings_that_cannot_work_fail_before_the_first_request() {
    let app = |url: &str| hexclave().hexclave(|own| own.app_url = url.to_owned());
    let key = Some("pck\r\nx: y".to_owned());
    for given in [
        hexclave().client(|client| client.issuer = None),
        hexclave().client(|client| client.client_id = Some("a\nb".to_owned())),
        hexclave().hexclave(|own| own.publishable_client_key = key),
        app(""),
        app("http://app.example"),
        app("https://app.example/?tenant=a"),
        app("https://app.example/#a"),
    ] {
        given.login().fails(Code::InvalidConfiguration);
    }
}

#[test]
fn a_refused_start_reports_the_providers_error() {
    let body = json!({ "code": "PROJECT_NOT_FOUND", "error": "no such\u{1b}[2J project" });
    let failure = hexclave().login().codes(status(400, &body.to_string()));
    let failure = failure.fails(Code::ProviderRefused);
    assert_eq!(failure.provider.unwrap().error, "PROJECT_NOT_FOUND");
    assert!(failure.message.contains("no such\\u{1b}[2J project"), "{}", failure.message);
}

#[test]
fn an_unreadable_start_response_fails() {
    for (answer, code) in [
        (status(200, "<h1>hello</h1>"), Code::InvalidTokenResponse),
        (status(200, r#"{"polling_code":"polling-secret"}"#), Code::InvalidTokenResponse),
        (status(200, r#"{"polling_code":"","login_code":""}"#), Code::InvalidTokenResponse),
        (status(404, "not here"), Code::InvalidTokenResponse),
        (status(503, ""), Code::ProviderUnavailable),
        (unreachable(), Code::Unreachable),
        (too_large(7), Code::InvalidTokenResponse),
        (denied("a private address"), Code::EgressDenied),
    ] {
        hexclave().login().codes(answer).fails(code);
    }
}

// ---- The page ----------------------------------------------------------------

#[test]
fn the_page_belongs_to_the_project() {
    for (app, url) in [
        ("https://app.example", "https://app.example/handler/cli-auth-confirm"),
        ("https://app.example/", "https://app.example/handler/cli-auth-confirm"),
        ("https://app.example/a/b/", "https://app.example/a/b/handler/cli-auth-confirm"),
        ("http://localhost:3000", "http://localhost:3000/handler/cli-auth-confirm"),
    ] {
        let given = hexclave().hexclave(|own| own.app_url = app.to_owned());
        let page = given.login().codes(begun()).page();
        assert_eq!(page.url, format!("{url}?login_code=l0gin"));
    }
}

#[test]
fn a_login_code_is_fully_escaped() {
    let mut answer = begun();
    answer["login_code"] = json!("a/b c+d&e=f#\u{fc}%");
    let url = hexclave().login().codes(answer).page().url;
    assert!(url.ends_with("?login_code=a%2Fb%20c%2Bd%26e%3Df%23%C3%BC%25"), "{url}");
}

#[test]
fn the_page_opens_if_there_is_a_browser() {
    let opens = |given: Given| given.login().codes(begun()).page().opens;
    let anywhere = |facts: Facts| opens(hexclave().flow(None).facts(facts));
    assert!(anywhere(desk()));
    assert!(!anywhere(Facts { remote_shell: true, ..desk() }));
    assert!(!anywhere(Facts { container: true, ..desk() }));
    assert!(!anywhere(Facts { display: false, ..desk() }));
    assert!(anywhere(Facts { editor_terminal: true, remote_shell: true, ..desk() }));
    assert!(opens(hexclave().flow(Some(LoginFlow::Browser))));
    assert!(!opens(hexclave().flow(Some(LoginFlow::Paste))));
    assert!(!opens(hexclave().flow(Some(LoginFlow::Device))));
}

#[test]
fn a_login_needs_a_user() {
    for facts in [Facts { unattended: true, ..desk() }, Facts { terminal: false, ..desk() }] {
        hexclave().flow(None).facts(facts).login().fails(Code::LoginRequired);
    }
}

// ---- The polls ---------------------------------------------------------------

#[test]
fn the_first_poll_is_immediate_and_later_ones_every_two_seconds() {
    let login = polling();
    let sent = login.sent();
    assert_eq!(sent.url, "https://api.hexclave.example/api/v1/auth/cli/poll");
    assert_eq!(sent.json, json!({ "polling_code": "polling-secret" }));
    assert_eq!(sent.header("x-hexclave-project-id"), Some("project"));
    let login = login.polls_after(0, waiting()).polls_after(2, waiting());
    login.polls_after(2, waiting()).polls_after(2, confirmed()).renews(renewed(1));
}

#[test]
fn a_confirmation_is_accepted_with_status_200_or_201() {
    let body = json!({ "status": "success", "refresh_token": refresh_token(1) });
    for code in [200, 201] {
        let login = polling().polls_after(0, status(code, &body.to_string()));
        let sent = login.sent();
        assert_eq!(sent.header("x-hexclave-refresh-token"), Some(&*refresh_token(1)));
    }
}

#[test]
fn the_state_in_a_poll_decides_how_the_login_ends() {
    let unknown = json!({ "code": "INVALID_POLLING_CODE", "error": "The polling code is invalid" });
    for (answer, code, words) in [
        (status(200, r#"{"status":"used"}"#), Code::ProviderRefused, "another program"),
        (status(400, &unknown.to_string()), Code::ProviderRefused, "INVALID_POLLING_CODE"),
        (status(404, ""), Code::InvalidTokenResponse, "status 404"),
        (status(200, r#"{"status":"new\u001b"}"#), Code::InvalidTokenResponse, "new\\u{1b}"),
        (status(200, r#"{"status":7}"#), Code::InvalidTokenResponse, "status"),
        (status(201, r#"{"status":"success"}"#), Code::InvalidTokenResponse, "refresh_token"),
        (
            status(200, r#"{"status":"success","refresh_token":"a\r\nb"}"#),
            Code::InvalidTokenResponse,
            "characters",
        ),
        (too_large(7), Code::InvalidTokenResponse, "7 bytes"),
        (denied("no"), Code::EgressDenied, "no"),
    ] {
        let failure = polling().polls_after(0, waiting()).polls_after(2, answer).fails(code);
        assert!(failure.message.contains(words), "{}", failure.message);
    }
}

#[test]
fn a_temporary_outage_does_not_end_the_login() {
    let login = polling().polls_after(0, unreachable()).polls_after(4, unsent());
    let login = login.polls_after(8, status(503, "")).polls_after(16, status(429, ""));
    let login = login.polls_after(32, unreachable()).polls_after(60, unreachable());
    let login = login.polls_after(60, waiting()).polls_after(2, unreachable());
    login.polls_after(4, confirmed()).renews(renewed(1));
}

#[test]
fn retry_after_delays_a_poll() {
    let busy = Response { status: 429, headers: vec![header("retry-after", "30")], body: vec![] };
    polling().polls_after(0, Reply::Answered(Ok(busy))).polls_after(30, waiting());
}

#[test]
fn a_lost_response_is_not_blamed_on_another_program() {
    let login = polling().polls_after(0, unreachable());
    let failure = login.polls_after(4, json!({ "status": "used" })).fails(Code::ProviderRefused);
    assert!(failure.message.contains("did not arrive"), "{}", failure.message);
}

#[test]
fn polling_ends_with_the_login() {
    let no_terminal = Facts { terminal: false, ..desk() };
    let login = || hexclave().facts(no_terminal).patience_ms(5_000).login().codes(begun()).brings();
    let late =
        login().polls_after(0, waiting()).polls_after(2, waiting()).polls_after(2, waiting());
    late.polls_after(1, waiting()).fails(Code::TimedOut);
    login().polls_after(0, json!({ "status": "expired" })).fails(Code::TimedOut);
    let away = login().polls_after(0, unreachable()).polls_after(4, unreachable());
    away.polls_after(1, unreachable()).fails(Code::TimedOut);
}

#[test]
fn a_user_who_was_too_late_may_try_the_same_flow_again() {
    use LoginFlow::{Browser, Device, Paste};
    for (asked, flow, opens) in
        [(Browser, Browser, true), (Device, Device, false), (Paste, Device, false)]
    {
        let login = hexclave().flow(Some(asked)).login().codes(begun()).brings();
        let login = login.polls_after(0, json!({ "status": "expired" }));
        assert_eq!(login.offer().flows, [flow]);
        let login = login.chooses(flow).codes(begun());
        assert_eq!(login.page().opens, opens);
        let login = login.brings().polls_after(0, confirmed()).renews(renewed(1));
        login.asks_userinfo(ada()).locks(None).saves().grants();
    }
    let login = polling().polls_after(0, json!({ "status": "expired" }));
    login.declines().fails(Code::TimedOut);
}

// ---- The tokens --------------------------------------------------------------

#[test]
fn a_confirmed_login_becomes_a_session() {
    let login = confirmed_login();
    let sent = login.sent();
    assert_eq!(sent.json, json!({}));
    assert_eq!(sent.header("x-hexclave-refresh-token"), Some("refresh-secret-1"));
    let login = login.renews(renewed(1));
    let sent = login.sent();
    assert!(sent.method == Method::Get);
    assert_eq!(sent.url, "https://api.hexclave.example/api/v1/users/me");
    assert_eq!(sent.header("x-hexclave-access-token"), Some("access-secret-1"));
    assert_eq!(sent.header("x-hexclave-refresh-token"), None);
    assert_eq!(sent.authorization, None);
    let login = login.asks_userinfo(ada()).locks(None).saves();
    assert_eq!(login.stored_field("refresh_token"), "refresh-secret-1");
    assert_eq!(login.stored_field("subject"), "user-1");
    assert_eq!(login.stored_field("display_name"), "Ada <ada@example.org>");
    let grant = login.grants();
    assert!(grant.source == TokenSource::Login);
    assert_eq!(grant.token_type, "Bearer");
    assert_eq!(grant.expires_at_ms, Some(NOW_MS + 10 * MINUTE_MS));
    let carried = grant.headers.iter().map(|header| (header.name.as_str(), header.value.as_str()));
    assert_eq!(
        carried.collect::<Vec<_>>(),
        [
            ("x-hexclave-project-id", "project"),
            ("x-hexclave-access-type", "client"),
            ("x-hexclave-access-token", "access-secret-1"),
        ]
    );
}

#[test]
fn the_email_address_replaces_a_missing_name() {
    let user = json!({ "id": "user-1", "display_name": null, "primary_email": "ada@example.org" });
    let login = confirmed_login().renews(renewed(1)).asks_userinfo(user).locks(None).saves();
    assert_eq!(login.stored_field("display_name"), "ada@example.org");
}

#[test]
fn a_login_succeeds_without_a_display_name() {
    for answer in [status(500, ""), status(401, ""), status(200, "[]"), unreachable()] {
        let login = confirmed_login().renews(renewed(1)).asks_userinfo(answer);
        login.locks(None).saves().grants();
    }
}

#[test]
fn the_expiry_of_an_access_token_is_read_from_the_token() {
    let lasting = |claims: Value| {
        let token = format!("{}.{}.c2ln", encode(b"{}"), encode(claims.to_string().as_bytes()));
        let login = confirmed_login().renews(json!({ "access_token": token }));
        login.asks_userinfo(ada()).locks(None).saves().grants().expires_at_ms.unwrap() - NOW_MS
    };
    assert_eq!(lasting(json!({ "exp": NOW_MS / 1000 + 77 })), 77_000);
    assert_eq!(lasting(json!({ "exp": NOW_MS / 1000 - 77 })), 0);
    assert_eq!(lasting(json!({ "exp": "soon" })), 10 * MINUTE_MS);
    assert_eq!(lasting(json!([])), 10 * MINUTE_MS);
}

#[test]
fn a_response_lost_after_the_confirmation_is_requested_again() {
    let login = confirmed_login().stumbles(unreachable());
    assert_eq!(login.pause_ms(), 4_000);
    assert_eq!(login.sent().header("x-hexclave-refresh-token"), Some("refresh-secret-1"));
    let login = login.stumbles(status(502, "")).renews(renewed(1));
    login.asks_userinfo(ada()).locks(None).saves().grants();
}

#[test]
fn a_session_that_ended_at_once_fails_the_login() {
    let gone = json!({ "code": "REFRESH_TOKEN_NOT_FOUND_OR_EXPIRED", "error": "gone" });
    confirmed_login().renews(status(401, &gone.to_string())).fails(Code::ProviderRefused);
    confirmed_login().renews(json!({})).fails(Code::InvalidTokenResponse);
    confirmed_login().renews(status(200, "-")).fails(Code::InvalidTokenResponse);
    let away =
        hexclave().patience_ms(1).login().codes(begun()).brings().polls_after(0, confirmed());
    away.stumbles(unreachable()).stumbles(unreachable()).fails(Code::Unreachable);
}
