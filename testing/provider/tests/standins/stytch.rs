//! Stytch: JSON requests and responses, any port, and refresh tokens that rotate.

use latchstring_provider::Misbehaviour;
use latchstring_provider::dialects::STYTCH;
use latchstring_provider::visitor::Page;
use serde_json::{Value, json};

use crate::client::{CODE_VERIFIER, Changes, Client};
use crate::client::{granted, json as document, sent_back, text};

const PROJECT: &str = "/v1/public/demo-project";
const REDIRECT_URI: &str = "http://127.0.0.1:53682/callback";
const SCOPE: &str = "openid profile offline_access";

fn authorization_url(client: &Client, changes: Changes<'_>) -> String {
    client.authorization_url("/oauth/authorize", REDIRECT_URI, SCOPE, changes)
}

async fn code(client: &mut Client, changes: Changes<'_>) -> String {
    let url = authorization_url(client, changes);
    sent_back(&client.decide(&url, "login").await, "code").unwrap()
}

/// A token request without a redirect URI, as Stytch's own client sends it.
fn redemption(code: &str) -> Value {
    json!({
        "grant_type": "authorization_code",
        "client_id": "cli-app",
        "code": code,
        "code_verifier": CODE_VERIFIER,
    })
}

async fn token(client: &mut Client, body: &Value) -> Page {
    client.json(&format!("{PROJECT}/oauth2/token"), body).await
}

async fn log_in(client: &mut Client) -> Value {
    let code = code(client, &[]).await;
    granted(&token(client, &redemption(&code)).await)
}

async fn refresh(client: &mut Client, tokens: &Value) -> Page {
    let body = json!({
        "grant_type": "refresh_token",
        "client_id": "cli-app",
        "refresh_token": tokens["refresh_token"],
    });
    token(client, &body).await
}

/// Returns the type of an error, whose body also contains its status.
fn refused(page: &Page, status: u16) -> String {
    let error = document(page);
    assert_eq!((page.status, error["status_code"].as_u64()), (status, Some(u64::from(status))));
    assert!(text(&error, "request_id").starts_with("request-id-"));
    text(&error, "error_type").to_owned()
}

#[tokio::test]
async fn a_code_brings_tokens_with_a_status_in_the_body() {
    let mut client = Client::new(&STYTCH);
    let tokens = log_in(&mut client).await;
    assert_eq!(tokens["status_code"], 200);
    assert!(text(&tokens, "request_id").starts_with("request-id-"));
    let jwks = format!("{PROJECT}/.well-known/jwks.json");
    let claims = client.verify(&jwks, text(&tokens, "id_token")).await;
    assert_eq!(claims["iss"], client.standin.issuer());
    let discovery = format!("{PROJECT}/.well-known/openid-configuration");
    assert_eq!(granted(&client.get(&discovery).await)["issuer"], client.standin.issuer());
}

#[tokio::test]
async fn a_request_without_the_json_content_type_is_rejected() {
    let mut client = Client::new(&STYTCH);
    let code = code(&mut client, &[]).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "cli-app"),
        ("code", code.as_str()),
        ("code_verifier", CODE_VERIFIER),
    ];
    let path = format!("{PROJECT}/oauth2/token");
    assert_eq!(refused(&client.form(&path, &form).await, 400), "invalid_request");
    let body = redemption(&code).to_string();
    for headers in [&[("content-type", "application/x-www-form-urlencoded")][..], &[]] {
        let page = client.send("POST", &path, headers, &body).await;
        assert_eq!(refused(&page, 400), "invalid_request");
    }
    // None of them used the code.
    granted(&token(&mut client, &redemption(&code)).await);
}

#[tokio::test]
async fn a_code_works_once_and_only_with_the_right_proof() {
    let mut client = Client::new(&STYTCH);
    let spent = code(&mut client, &[]).await;
    granted(&token(&mut client, &redemption(&spent)).await);
    let page = token(&mut client, &redemption(&spent)).await;
    assert_eq!(refused(&page, 400), "invalid_grant");

    for (name, value) in [
        ("code_verifier", json!("another-verifier-of-at-least-forty-three-letters")),
        ("redirect_uri", json!("http://127.0.0.1:1/callback")),
    ] {
        let mut body = redemption(&code(&mut client, &[]).await);
        body[name] = value;
        assert_eq!(refused(&token(&mut client, &body).await, 400), "invalid_grant");
    }
    let mut body = redemption(&code(&mut client, &[]).await);
    body["redirect_uri"] = json!(REDIRECT_URI);
    granted(&token(&mut client, &body).await);
    body["client_id"] = json!("another");
    assert_eq!(refused(&token(&mut client, &body).await, 401), "invalid_client");
}

#[tokio::test]
async fn redirect_uris_may_differ_only_by_port() {
    let mut client = Client::new(&STYTCH);
    for (redirect_uri, status) in [
        ("http://127.0.0.1:1/callback", 200),
        ("http://127.0.0.1:65535/callback", 200),
        ("http://localhost:53682/callback", 400),
        ("http://127.0.0.2:53682/callback", 400),
        ("http://127.0.0.1:53682/", 400),
        ("http://127.0.0.1:53682/callback/", 400),
        ("https://127.0.0.1:53682/callback", 400),
        ("http://127.0.0.1.example:53682/callback", 400),
    ] {
        let url = authorization_url(&client, &[("redirect_uri", Some(redirect_uri))]);
        let path = url.strip_prefix(client.standin.url()).unwrap().to_owned();
        assert_eq!(client.get(&path).await.status, status, "{redirect_uri}");
    }
}

#[tokio::test]
async fn state_is_returned_if_it_was_sent() {
    let mut client = Client::new(&STYTCH);
    let url = authorization_url(&client, &[]);
    let back = client.decide(&url, "login").await;
    assert_eq!(sent_back(&back, "state").unwrap(), "a state");
    let silent = authorization_url(&client, &[("state", None)]);
    assert_eq!(sent_back(&client.decide(&silent, "login").await, "state"), None);
    client.misbehaves(Misbehaviour::NoStateEcho);
    assert_eq!(sent_back(&client.decide(&url, "login").await, "state"), None);
}

#[tokio::test]
async fn every_refresh_replaces_the_refresh_token_and_the_old_one_is_refused() {
    let mut client = Client::new(&STYTCH);
    let first = log_in(&mut client).await;
    let second = granted(&refresh(&mut client, &first).await);
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    assert_eq!(refused(&refresh(&mut client, &first).await, 400), "invalid_grant");
    granted(&refresh(&mut client, &second).await);
}

#[tokio::test]
async fn without_offline_access_there_is_no_refresh_token() {
    let mut client = Client::new(&STYTCH);
    let code = code(&mut client, &[("scope", Some("openid"))]).await;
    let tokens = granted(&token(&mut client, &redemption(&code)).await);
    assert!(tokens.get("refresh_token").is_none());
}

#[tokio::test]
async fn the_api_of_the_application_needs_a_valid_access_token() {
    let mut client = Client::new(&STYTCH);
    let tokens = log_in(&mut client).await;
    let access_token = text(&tokens, "access_token");
    let userinfo = format!("{PROJECT}/oauth2/userinfo");
    granted(&client.bearer("/api/resources", access_token).await);
    assert_eq!(granted(&client.bearer(&userinfo, access_token).await)["name"], "Ada Lovelace");
    for path in ["/api/resources", &userinfo] {
        assert_eq!(client.get(path).await.status, 401);
        assert_eq!(client.bearer(path, "made up").await.status, 401);
    }
    client.misbehaves(Misbehaviour::ExpireAccess);
    assert_eq!(client.bearer("/api/resources", access_token).await.status, 401);
}

#[tokio::test]
async fn revoking_a_refresh_token_ends_its_session() {
    let mut client = Client::new(&STYTCH);
    let tokens = log_in(&mut client).await;
    let path = format!("{PROJECT}/oauth2/revoke");
    let body = json!({ "client_id": "cli-app", "token": tokens["refresh_token"] });
    assert_eq!(granted(&client.json(&path, &body).await)["status_code"], 200);
    assert_eq!(refused(&refresh(&mut client, &tokens).await, 400), "invalid_grant");
    let page = client.bearer("/api/resources", text(&tokens, "access_token")).await;
    assert_eq!(page.status, 401);
    let stranger = json!({ "token": tokens["refresh_token"] });
    assert_eq!(refused(&client.json(&path, &stranger).await, 401), "invalid_client");
}

#[tokio::test]
async fn another_project_is_not_found() {
    let mut client = Client::new(&STYTCH);
    let page = client.json("/v1/public/another/oauth2/token", &json!({})).await;
    assert_eq!(refused(&page, 404), "project_not_found");
}
