//! Login at Hexclave: the poll and the page.

use latchstring_provider::dialects::HEXCLAVE;
use latchstring_provider::visitor::Page;
use latchstring_provider::{Misbehaviour, Options};
use serde_json::{Value, json};

use crate::client::{Client, granted, text};

const HEADERS: [(&str, &str); 3] = [
    ("content-type", "application/json"),
    ("x-hexclave-project-id", "demo-project"),
    ("x-hexclave-access-type", "client"),
];

/// What a poll says before the page is done, and after.
const WAITING: &str = r#"{"status":"waiting"}"#;

pub(crate) async fn call(client: &mut Client, path: &str, body: &Value) -> Page {
    client.send("POST", &format!("/api/v1/{path}"), &HEADERS, &body.to_string()).await
}

/// Calls the API with one more header.
pub(crate) async fn call_with(
    client: &mut Client,
    method: &str,
    path: &str,
    header: (&str, &str),
) -> Page {
    let headers: Vec<_> = HEADERS.into_iter().chain([header]).collect();
    client.send(method, &format!("/api/v1/{path}"), &headers, "{}").await
}

/// Returns the error code of a refusal, which is the same in the body and in the header.
pub(crate) fn refused(page: &Page, status: u16) -> String {
    assert_eq!(page.status, status, "{}", page.body);
    let error: Value = serde_json::from_str(&page.body).unwrap();
    assert!(!text(&error, "error").is_empty());
    assert_eq!(page.header("x-stack-known-error"), error["code"].as_str());
    text(&error, "code").to_owned()
}

pub(crate) async fn begin(client: &mut Client, body: &Value) -> Value {
    granted(&call(client, "auth/cli", body).await)
}

pub(crate) async fn poll(client: &mut Client, begun: &Value) -> Page {
    let polling_code = begun["polling_code"].clone();
    call(client, "auth/cli/poll", &json!({ "polling_code": polling_code })).await
}

pub(crate) async fn press(client: &mut Client, begun: &Value, decision: &str) -> Page {
    let path = format!("/handler/cli-auth-confirm?login_code={}", text(begun, "login_code"));
    client.form(&path, &[("name", "Ada Lovelace"), ("decision", decision)]).await
}

#[tokio::test]
async fn the_refresh_token_is_given_once_and_after_that_the_code_is_used() {
    let mut client = Client::new(&HEXCLAVE);
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
async fn a_cancelled_login_continues_to_wait() {
    let mut client = Client::new(&HEXCLAVE);
    let begun = begin(&mut client, &json!({})).await;
    assert_eq!(press(&mut client, &begun, "cancel").await.status, 200);
    assert_eq!(poll(&mut client, &begun).await.body, WAITING);
    press(&mut client, &begun, "authorize").await;
    assert_eq!(poll(&mut client, &begun).await.status, 201);
}

#[tokio::test]
async fn a_login_lasts_two_minutes_unless_it_asks_for_more() {
    let mut client = Client::new(&HEXCLAVE);
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
    let mut client = Client::new(&HEXCLAVE);
    for millis in [json!(900_001), json!(0), json!("600000"), json!(-1)] {
        let page = call(&mut client, "auth/cli", &json!({ "expires_in_millis": millis })).await;
        assert_eq!(refused(&page, 400), "SCHEMA_ERROR");
    }
}

#[tokio::test]
async fn an_unknown_polling_code_is_refused() {
    let mut client = Client::new(&HEXCLAVE);
    let begun = begin(&mut client, &json!({})).await;
    let swapped = json!({ "polling_code": begun["login_code"] });
    assert_eq!(refused(&poll(&mut client, &swapped).await, 400), "INVALID_POLLING_CODE");
    let nothing = call(&mut client, "auth/cli/poll", &json!({})).await;
    assert_eq!(refused(&nothing, 400), "SCHEMA_ERROR");
}

#[tokio::test]
async fn every_call_needs_its_headers_under_either_prefix() {
    let mut client = Client::new(&HEXCLAVE);
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
    let mut client = Client::new(&HEXCLAVE);
    let form = [("content-type", "application/x-www-form-urlencoded"), HEADERS[1], HEADERS[2]];
    let page = client.send("POST", "/api/v1/auth/cli", &form, "{}").await;
    assert_eq!(refused(&page, 400), "BODY_PARSING_ERROR");
}

#[tokio::test]
async fn a_publishable_key_is_checked_if_sent_and_mandatory_if_required() {
    let key = "x-hexclave-publishable-client-key";
    let mut client = Client::new(&HEXCLAVE);
    let page = call_with(&mut client, "POST", "auth/cli", (key, "another")).await;
    assert_eq!(refused(&page, 401), "INVALID_PUBLISHABLE_CLIENT_KEY");
    granted(&call_with(&mut client, "POST", "auth/cli", (key, "pck-demo")).await);
    granted(&call(&mut client, "auth/cli", &json!({})).await);

    let strict = Options { requires_publishable_key: true, ..Options::default() };
    let mut client = Client::of(&HEXCLAVE, strict);
    let page = call(&mut client, "auth/cli", &json!({})).await;
    assert_eq!(refused(&page, 401), "PUBLISHABLE_CLIENT_KEY_REQUIRED_FOR_PROJECT");
    granted(&call_with(&mut client, "POST", "auth/cli", (key, "pck-demo")).await);
}

#[tokio::test]
async fn the_page_warns_and_a_link_without_a_code_is_rejected() {
    let mut client = Client::new(&HEXCLAVE);
    let page = client.get("/handler/cli-auth-confirm?login_code=a%2Fb").await;
    assert!(page.body.contains("Authorize CLI Application") && page.body.contains("WARNING"));
    assert!(page.body.contains("login_code=a%2Fb"));
    let page = client.get("/handler/cli-auth-confirm").await;
    assert!(page.body.contains("Invalid CLI Authorization Link"));
    assert_eq!(page.status, 400);
}

#[tokio::test]
async fn a_fault_can_end_polling() {
    let mut client = Client::new(&HEXCLAVE);
    let begun = begin(&mut client, &json!({})).await;
    client.misbehaves(Misbehaviour::PollExpired);
    assert_eq!(poll(&mut client, &begun).await.body, r#"{"status":"expired"}"#);
    client.standin.behave();
    client.misbehaves(Misbehaviour::PollUsed);
    assert_eq!(poll(&mut client, &begun).await.body, r#"{"status":"used"}"#);
    client.standin.behave();
    client.misbehaves(Misbehaviour::CodeExpired);
    assert_eq!(press(&mut client, &begun, "authorize").await.status, 400);
    assert_eq!(poll(&mut client, &begun).await.body, r#"{"status":"expired"}"#);
}
