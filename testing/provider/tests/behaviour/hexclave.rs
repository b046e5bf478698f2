//! Hexclave: what its API rejects, how a login ends, and its sessions.

use latchstring_provider::Misbehaviour;
use latchstring_provider::dialects::HEXCLAVE;
use latchstring_provider::visitor::Page;
use serde_json::{Value, json};

use crate::client::{AT_AUTHGATE, Client, Site, granted, json as document, text};

const AT_HEXCLAVE: Site = Site { dialect: &HEXCLAVE, ..AT_AUTHGATE };

const HEADERS: [(&str, &str); 3] = [
    ("content-type", "application/json"),
    ("x-hexclave-project-id", "demo-project"),
    ("x-hexclave-access-type", "client"),
];

/// What a poll says before the page is done, and after.
const WAITING: &str = r#"{"status":"waiting"}"#;

async fn call(client: &mut Client<'_>, path: &str, body: &Value) -> Page {
    client.send("POST", &format!("/api/v1/{path}"), &HEADERS, &body.to_string()).await
}

/// Calls the API with one more header.
async fn call_with(
    client: &mut Client<'_>,
    method: &str,
    path: &str,
    header: (&str, &str),
) -> Page {
    let headers: Vec<_> = HEADERS.into_iter().chain([header]).collect();
    client.send(method, &format!("/api/v1/{path}"), &headers, "{}").await
}

/// Returns the error code of a refusal, which is the same in the body and in the header.
fn refused(page: &Page, status: u16) -> String {
    assert_eq!(page.status, status, "{}", page.body);
    let error: Value = serde_json::from_str(&page.body).unwrap();
    assert!(!text(&error, "error").is_empty());
    assert_eq!(page.header("x-stack-known-error"), error["code"].as_str());
    text(&error, "code").to_owned()
}

async fn begin(client: &mut Client<'_>, body: &Value) -> Value {
    granted(&call(client, "auth/cli", body).await)
}

async fn poll(client: &mut Client<'_>, begun: &Value) -> Page {
    let polling_code = begun["polling_code"].clone();
    call(client, "auth/cli/poll", &json!({ "polling_code": polling_code })).await
}

async fn press(client: &mut Client<'_>, begun: &Value, decision: &str) -> Page {
    let path = format!("/handler/cli-auth-confirm?login_code={}", text(begun, "login_code"));
    client.post(&path, &[("name", "Ada Lovelace"), ("decision", decision)]).await
}

#[tokio::test]
async fn the_refresh_token_is_given_once_and_after_that_the_code_is_used() {
    let mut client = AT_HEXCLAVE.client();
    let begun = begin(&mut client, &json!({})).await;
    assert_eq!(text(&begun, "expires_at"), "2027-01-15T08:02:00.000Z");
    assert_ne!(begun["polling_code"], begun["login_code"]);
    assert_eq!(poll(&mut client, &begun).await.body, WAITING);

    let page = press(&mut client, &begun, "authorize").await;
    assert!(page.body.contains("CLI Authorization Successful"));

    let polled = poll(&mut client, &begun).await;
    assert_eq!(polled.status, 201);
    assert!(polled.body.contains(r#""status":"success""#));
    assert!(polled.body.contains("refresh_token"));
    for _ in 0..2 {
        let polled = poll(&mut client, &begun).await;
        assert_eq!((polled.status, polled.body.as_str()), (200, r#"{"status":"used"}"#));
    }
}

#[tokio::test]
async fn a_login_lasts_two_minutes_unless_it_asks_for_more() {
    let mut client = AT_HEXCLAVE.client();
    let short = begin(&mut client, &json!({})).await;
    let long = begin(&mut client, &json!({ "expires_in_millis": 900_000 })).await;
    client.seconds_go_by(119);
    assert_eq!(poll(&mut client, &short).await.body, WAITING);
    client.seconds_go_by(1);
    assert_eq!(poll(&mut client, &short).await.body, r#"{"status":"expired"}"#);
    assert_eq!(poll(&mut client, &long).await.body, WAITING);

    let page = press(&mut client, &short, "authorize").await;
    assert!(page.body.contains("Authorization Failed") && page.body.contains("Try Again"));
    assert_eq!(page.status, 400);
    press(&mut client, &long, "authorize").await;
    client.seconds_go_by(780);
    assert_eq!(poll(&mut client, &long).await.body, r#"{"status":"expired"}"#);
}

#[tokio::test]
async fn more_than_fifteen_minutes_are_refused() {
    let mut client = AT_HEXCLAVE.client();
    for millis in [json!(900_001), json!(0), json!("600000"), json!(-1)] {
        let page = call(&mut client, "auth/cli", &json!({ "expires_in_millis": millis })).await;
        assert_eq!(refused(&page, 400), "SCHEMA_ERROR");
    }
}

#[tokio::test]
async fn an_unknown_polling_code_is_refused() {
    let mut client = AT_HEXCLAVE.client();
    let begun = begin(&mut client, &json!({})).await;
    let swapped = json!({ "polling_code": begun["login_code"] });
    assert_eq!(refused(&poll(&mut client, &swapped).await, 400), "INVALID_POLLING_CODE");
    let nothing = call(&mut client, "auth/cli/poll", &json!({})).await;
    assert_eq!(refused(&nothing, 400), "SCHEMA_ERROR");
}

#[tokio::test]
async fn every_call_needs_its_headers_under_either_prefix() {
    let mut client = AT_HEXCLAVE.client();
    let json = ("content-type", "application/json");
    for (headers, expected) in [
        (vec![json, ("x-hexclave-project-id", "demo-project")], "ACCESS_TYPE_REQUIRED"),
        (vec![json, ("x-hexclave-access-type", "client")], "ACCESS_TYPE_WITHOUT_PROJECT_ID"),
        (
            vec![json, ("x-hexclave-access-type", "client"), ("x-stack-project-id", "another")],
            "CURRENT_PROJECT_NOT_FOUND",
        ),
        (
            vec![json, ("x-stack-access-type", "server"), ("x-stack-project-id", "demo-project")],
            "INVALID_ACCESS_TYPE",
        ),
    ] {
        let page = client.send("POST", "/api/v1/auth/cli", &headers, "{}").await;
        assert_eq!(refused(&page, 400), expected);
    }
    let old = [json, ("x-stack-access-type", "client"), ("x-stack-project-id", "demo-project")];
    granted(&client.send("POST", "/api/v1/auth/cli", &old, "{}").await);
}

#[tokio::test]
async fn a_body_that_is_not_json_is_rejected() {
    let mut client = AT_HEXCLAVE.client();
    let form = [("content-type", "application/x-www-form-urlencoded"), HEADERS[1], HEADERS[2]];
    let page = client.send("POST", "/api/v1/auth/cli", &form, "{}").await;
    assert_eq!(refused(&page, 400), "BODY_PARSING_ERROR");
}

#[tokio::test]
async fn a_fault_can_end_polling() {
    let mut client = AT_HEXCLAVE.client();
    let begun = begin(&mut client, &json!({})).await;
    client.misbehaves(Misbehaviour::PollExpired);
    assert_eq!(poll(&mut client, &begun).await.body, r#"{"status":"expired"}"#);
    client.provider.behave();
    client.misbehaves(Misbehaviour::PollUsed);
    assert_eq!(poll(&mut client, &begun).await.body, r#"{"status":"used"}"#);
    client.provider.behave();
    client.misbehaves(Misbehaviour::CodeExpired);
    assert_eq!(press(&mut client, &begun, "authorize").await.status, 400);
    assert_eq!(poll(&mut client, &begun).await.body, r#"{"status":"expired"}"#);
}

// ---- Sessions -----------------------------------------------------------------

const REFRESH: &str = "auth/sessions/current/refresh";
const REFRESH_TOKEN: &str = "x-hexclave-refresh-token";
const ACCESS_TOKEN: &str = "x-hexclave-access-token";

async fn log_in(client: &mut Client<'_>) -> String {
    let begun = begin(client, &json!({})).await;
    press(client, &begun, "authorize").await;
    text(&document(&poll(client, &begun).await), "refresh_token").to_owned()
}

async fn refresh(client: &mut Client<'_>, refresh_token: &str) -> String {
    let page = call_with(client, "POST", REFRESH, (REFRESH_TOKEN, refresh_token)).await;
    text(&granted(&page), "access_token").to_owned()
}

#[tokio::test]
async fn the_error_names_the_token_that_is_invalid() {
    let mut client = AT_HEXCLAVE.client();
    let page = call(&mut client, REFRESH, &json!({})).await;
    assert_eq!(refused(&page, 401), "REFRESH_TOKEN_NOT_FOUND_OR_EXPIRED");
    let page = call_with(&mut client, "POST", REFRESH, (REFRESH_TOKEN, "made up")).await;
    assert_eq!(refused(&page, 401), "REFRESH_TOKEN_NOT_FOUND_OR_EXPIRED");
    let page = call_with(&mut client, "GET", "users/me", (ACCESS_TOKEN, "made up")).await;
    assert_eq!(refused(&page, 401), "UNPARSABLE_ACCESS_TOKEN");
    let page = call_with(&mut client, "GET", "users/me", ("x-nothing", "")).await;
    assert_eq!(refused(&page, 400), "CANNOT_GET_OWN_USER_WITHOUT_USER");
}

#[tokio::test]
async fn signing_out_ends_the_session_on_the_server() {
    let mut client = AT_HEXCLAVE.client();
    let refresh_token = log_in(&mut client).await;
    let access_token = refresh(&mut client, &refresh_token).await;
    let current = "auth/sessions/current";
    let page = call_with(&mut client, "DELETE", current, (REFRESH_TOKEN, &refresh_token)).await;
    assert_eq!(page.body, r#"{"success":true}"#);
    for (path, method, header) in [
        (REFRESH, "POST", (REFRESH_TOKEN, refresh_token.as_str())),
        (current, "DELETE", (REFRESH_TOKEN, refresh_token.as_str())),
    ] {
        let page = call_with(&mut client, method, path, header).await;
        assert_eq!(refused(&page, 401), "REFRESH_TOKEN_NOT_FOUND_OR_EXPIRED");
    }
    let page = call_with(&mut client, "GET", "users/me", (ACCESS_TOKEN, &access_token)).await;
    assert_eq!(refused(&page, 401), "USER_AUTHENTICATION_REQUIRED");
}

#[tokio::test]
async fn only_an_anonymous_session_can_be_upgraded() {
    let mut client = AT_HEXCLAVE.client();
    let named = log_in(&mut client).await;
    let page = call(&mut client, "auth/cli", &json!({ "anon_refresh_token": named })).await;
    assert_eq!(refused(&page, 400), "SCHEMA_ERROR");
    let page = call(&mut client, "auth/cli", &json!({ "anon_refresh_token": "made up" })).await;
    assert_eq!(refused(&page, 401), "REFRESH_TOKEN_NOT_FOUND_OR_EXPIRED");
}
