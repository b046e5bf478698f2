//! Sessions at Hexclave: refresh, users, sign-out, and anonymous users.

use latchstring_provider::Misbehaviour;
use latchstring_provider::dialects::HEXCLAVE;
use serde_json::{Value, json};

use crate::client::{Client, granted, json as document, text};
use crate::hexclave::{begin, call, call_with, poll, press, refused};

const REFRESH: &str = "auth/sessions/current/refresh";
const REFRESH_TOKEN: &str = "x-hexclave-refresh-token";
const ACCESS_TOKEN: &str = "x-hexclave-access-token";

async fn log_in(client: &mut Client) -> String {
    let begun = begin(client, &json!({})).await;
    press(client, &begun, "authorize").await;
    text(&document(&poll(client, &begun).await), "refresh_token").to_owned()
}

async fn refresh(client: &mut Client, refresh_token: &str) -> String {
    let page = call_with(client, "POST", REFRESH, (REFRESH_TOKEN, refresh_token)).await;
    text(&granted(&page), "access_token").to_owned()
}

async fn me(client: &mut Client, access_token: &str) -> Value {
    granted(&call_with(client, "GET", "users/me", (ACCESS_TOKEN, access_token)).await)
}

async fn anonymous(client: &mut Client) -> Value {
    granted(&call(client, "auth/anonymous/sign-up", &json!({})).await)
}

#[tokio::test]
async fn one_refresh_token_brings_access_tokens_of_ten_minutes() {
    let mut client = Client::new(&HEXCLAVE);
    let refresh_token = log_in(&mut client).await;
    let page = call_with(&mut client, "POST", REFRESH, (REFRESH_TOKEN, &refresh_token)).await;
    let members = granted(&page);
    assert_eq!(members.as_object().unwrap().len(), 1);
    let access_token = text(&members, "access_token");
    let user = me(&mut client, access_token).await;
    assert_eq!(user["display_name"], "Ada Lovelace");
    assert_eq!(user["primary_email"], "ada.lovelace@example.com");
    assert_eq!(user["is_anonymous"], false);

    client.seconds_go_by(600);
    let late = call_with(&mut client, "GET", "users/me", (ACCESS_TOKEN, access_token)).await;
    assert_eq!(refused(&late, 401), "ACCESS_TOKEN_EXPIRED");
    let renewed = refresh(&mut client, &refresh_token).await;
    assert_eq!(me(&mut client, &renewed).await["id"], user["id"]);
}

#[tokio::test]
async fn the_error_names_the_token_that_is_invalid() {
    let mut client = Client::new(&HEXCLAVE);
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
    let mut client = Client::new(&HEXCLAVE);
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
async fn an_access_token_signs_out_its_own_session() {
    let mut client = Client::new(&HEXCLAVE);
    let refresh_token = log_in(&mut client).await;
    let access_token = refresh(&mut client, &refresh_token).await;
    let header = (ACCESS_TOKEN, access_token.as_str());
    granted(&call_with(&mut client, "DELETE", "auth/sessions/current", header).await);
    let page = call_with(&mut client, "POST", REFRESH, (REFRESH_TOKEN, &refresh_token)).await;
    assert_eq!(page.status, 401);
}

#[tokio::test]
async fn an_anonymous_user_who_logs_in_stays_the_same_user() {
    let mut client = Client::new(&HEXCLAVE);
    let before = anonymous(&mut client).await;
    let user = me(&mut client, text(&before, "access_token")).await;
    assert_eq!((&user["is_anonymous"], &user["display_name"]), (&json!(true), &Value::Null));

    let body = json!({ "anon_refresh_token": before["refresh_token"] });
    let begun = begin(&mut client, &body).await;
    press(&mut client, &begun, "authorize").await;
    let tokens = document(&poll(&mut client, &begun).await);
    let access_token = refresh(&mut client, text(&tokens, "refresh_token")).await;
    let upgraded = me(&mut client, &access_token).await;
    assert_eq!(upgraded["id"], user["id"]);
    assert_eq!(upgraded["id"], before["user_id"]);
    assert_eq!(upgraded["is_anonymous"], false);
    assert_eq!(upgraded["display_name"], "Ada Lovelace");
}

#[tokio::test]
async fn only_an_anonymous_session_can_be_upgraded() {
    let mut client = Client::new(&HEXCLAVE);
    let named = log_in(&mut client).await;
    let page = call(&mut client, "auth/cli", &json!({ "anon_refresh_token": named })).await;
    assert_eq!(refused(&page, 400), "SCHEMA_ERROR");
    let page = call(&mut client, "auth/cli", &json!({ "anon_refresh_token": "made up" })).await;
    assert_eq!(refused(&page, 401), "REFRESH_TOKEN_NOT_FOUND_OR_EXPIRED");
}

#[tokio::test]
async fn an_own_page_can_check_claim_and_complete_a_login() {
    let mut client = Client::new(&HEXCLAVE);
    let before = anonymous(&mut client).await;
    let body = json!({ "anon_refresh_token": before["refresh_token"] });
    let begun = begin(&mut client, &body).await;
    let plain = begin(&mut client, &json!({})).await;
    let check = |begun: &Value| json!({ "login_code": begun["login_code"], "mode": "check" });
    let state = granted(&call(&mut client, "auth/cli/complete", &check(&begun)).await);
    assert_eq!(state, json!({ "cli_session_state": "anonymous" }));
    let state = granted(&call(&mut client, "auth/cli/complete", &check(&plain)).await);
    assert_eq!(state, json!({ "cli_session_state": "none" }));

    let claim = json!({ "login_code": begun["login_code"], "mode": "claim-anon-session" });
    let claimed = granted(&call(&mut client, "auth/cli/complete", &claim).await);
    let user = me(&mut client, text(&claimed, "access_token")).await;
    assert_eq!(user["id"], before["user_id"]);

    let mut complete = json!({ "login_code": begun["login_code"], "refresh_token": "made up" });
    let page = call(&mut client, "auth/cli/complete", &complete).await;
    assert_eq!(refused(&page, 401), "REFRESH_TOKEN_NOT_FOUND_OR_EXPIRED");
    complete["refresh_token"] = claimed["refresh_token"].clone();
    granted(&call(&mut client, "auth/cli/complete", &complete).await);
    let polled = document(&poll(&mut client, &begun).await);
    assert_eq!(polled["refresh_token"], claimed["refresh_token"]);

    let again = call(&mut client, "auth/cli/complete", &complete).await;
    assert_eq!(again.status, 400);
    assert_eq!(again.body, "Invalid login code or the code has expired");
}

#[tokio::test]
async fn sessions_can_be_revoked_and_userinfo_be_down() {
    let mut client = Client::new(&HEXCLAVE);
    let refresh_token = log_in(&mut client).await;
    let access_token = refresh(&mut client, &refresh_token).await;
    client.misbehaves(Misbehaviour::UserinfoDown);
    let header = (ACCESS_TOKEN, access_token.as_str());
    assert_eq!(call_with(&mut client, "GET", "users/me", header).await.status, 503);
    client.standin.behave();

    client.misbehaves(Misbehaviour::ExpireAccess);
    let page = call_with(&mut client, "GET", "users/me", header).await;
    assert_eq!(refused(&page, 401), "ACCESS_TOKEN_EXPIRED");
    let renewed = refresh(&mut client, &refresh_token).await;
    me(&mut client, &renewed).await;

    client.misbehaves(Misbehaviour::RevokeSession);
    let page = call_with(&mut client, "POST", REFRESH, (REFRESH_TOKEN, &refresh_token)).await;
    assert_eq!(refused(&page, 401), "REFRESH_TOKEN_NOT_FOUND_OR_EXPIRED");
}
