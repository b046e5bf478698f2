//! AuthGate's code grant and its tokens.

use latchstring_provider::dialects::{AUTHGATE, AUTHGATE_WITH_KEYS};
use latchstring_provider::visitor::Page;
use latchstring_provider::{Misbehaviour, Options};
use serde_json::{Value, json};

use crate::client::{CODE_VERIFIER, Changes, Client};
use crate::client::{
    changed, granted, half_hash, header, json as document, refused, sent_back, text,
};

const REDIRECT_URI: &str = "http://127.0.0.1:8088/callback";
const SCOPE: &str = "openid profile email";
const JWKS: &str = "/.well-known/jwks.json";

fn authorization_url(client: &Client, changes: Changes<'_>) -> String {
    client.authorization_url("/oauth/authorize", REDIRECT_URI, SCOPE, changes)
}

async fn code(client: &mut Client, changes: Changes<'_>) -> String {
    let url = authorization_url(client, changes);
    sent_back(&client.decide(&url, "login").await, "code").unwrap()
}

async fn redeem(client: &mut Client, code: &str, changes: Changes<'_>) -> Page {
    let right = [
        ("grant_type", "authorization_code"),
        ("client_id", "cli-app"),
        ("code", code),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", CODE_VERIFIER),
    ];
    client.form("/oauth/token", &changed(&right, changes)).await
}

async fn log_in(client: &mut Client) -> Value {
    let code = code(client, &[]).await;
    granted(&redeem(client, &code, &[]).await)
}

async fn refresh(client: &mut Client, refresh_token: &str) -> Page {
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "cli-app"),
        ("refresh_token", refresh_token),
    ];
    client.form("/oauth/token", &form).await
}

fn rotating() -> Options {
    Options { rotates_refresh_tokens: Some(true), ..Options::default() }
}

#[tokio::test]
async fn discovery_names_neither_the_device_endpoint_nor_introspection() {
    let mut client = Client::new(&AUTHGATE);
    let metadata = granted(&client.get("/.well-known/openid-configuration").await);
    assert_eq!(metadata["issuer"], client.standin.url());
    assert_eq!(text(&metadata, "token_endpoint"), client.url("/oauth/token"));
    assert!(metadata.get("device_authorization_endpoint").is_none());
    assert!(metadata.get("introspection_endpoint").is_none());
}

#[tokio::test]
async fn by_default_tokens_are_signed_with_a_secret_and_there_are_no_keys() {
    let mut client = Client::new(&AUTHGATE);
    let metadata = granted(&client.get("/.well-known/openid-configuration").await);
    assert_eq!(metadata["id_token_signing_alg_values_supported"], json!(["HS256"]));
    assert_eq!(metadata.get("jwks_uri"), None);
    assert_eq!(client.get(JWKS).await.status, 404);
    let tokens = log_in(&mut client).await;
    for name in ["id_token", "access_token"] {
        assert_eq!(header(text(&tokens, name)), json!({ "alg": "HS256", "typ": "JWT" }));
    }
}

#[tokio::test]
async fn a_code_brings_tokens_that_are_signed_and_bound_to_each_other() {
    let mut client = Client::of(&AUTHGATE_WITH_KEYS, Options::default());
    let metadata = granted(&client.get("/.well-known/openid-configuration").await);
    assert_eq!(metadata["id_token_signing_alg_values_supported"], json!(["RS256"]));
    assert_eq!(text(&metadata, "jwks_uri"), client.url(JWKS));
    let url = authorization_url(&client, &[]);
    let back = client.decide(&url, "login").await;
    assert_eq!(sent_back(&back, "state").unwrap(), "a state");
    let code = sent_back(&back, "code").unwrap();
    let tokens = granted(&redeem(&mut client, &code, &[]).await);
    let claims = client.verify(JWKS, text(&tokens, "id_token")).await;
    assert_eq!(claims["iss"], client.standin.issuer());
    assert_eq!(claims["aud"], "cli-app");
    assert_eq!(claims["nonce"], "a nonce");
    assert_eq!(claims["at_hash"], half_hash(text(&tokens, "access_token")));

    let userinfo = granted(&client.bearer("/oauth/userinfo", text(&tokens, "access_token")).await);
    assert_eq!(userinfo["sub"], claims["sub"]);
    assert_eq!(userinfo["name"], "Ada Lovelace");
}

#[tokio::test]
async fn a_code_works_once_and_only_with_the_right_proof() {
    let mut client = Client::new(&AUTHGATE);
    let spent = code(&mut client, &[]).await;
    granted(&redeem(&mut client, &spent, &[]).await);
    assert_eq!(refused(&redeem(&mut client, &spent, &[]).await), "invalid_grant");

    for changes in [
        [("code_verifier", Some("another-verifier-of-at-least-forty-three-letters"))],
        [("redirect_uri", Some("http://localhost:8888/callback"))],
    ] {
        let code = code(&mut client, &[]).await;
        assert_eq!(refused(&redeem(&mut client, &code, &changes).await), "invalid_grant");
        assert_eq!(refused(&redeem(&mut client, &code, &[]).await), "invalid_grant");
    }
    let late = code(&mut client, &[]).await;
    client.seconds_go_by(600);
    assert_eq!(refused(&redeem(&mut client, &late, &[]).await), "invalid_grant");
}

#[tokio::test]
async fn redirect_uris_are_compared_exactly() {
    let mut client = Client::new(&AUTHGATE);
    for (redirect_uri, status) in [
        (REDIRECT_URI, 200),
        ("http://localhost:8888/callback", 200),
        ("http://127.0.0.1:8089/callback", 400),
        ("http://localhost:8088/callback", 400),
        ("http://127.0.0.1:8088/callback/", 400),
        ("http://127.0.0.1:8088/", 400),
        ("https://127.0.0.1:8088/callback", 400),
    ] {
        let url = authorization_url(&client, &[("redirect_uri", Some(redirect_uri))]);
        let path = url.strip_prefix(client.standin.url()).unwrap().to_owned();
        assert_eq!(client.get(&path).await.status, status, "{redirect_uri}");
    }
}

#[tokio::test]
async fn a_request_without_pkce_or_of_an_unknown_client_is_rejected() {
    let mut client = Client::new(&AUTHGATE);
    for (changes, error) in [
        (("code_challenge", None), "invalid_request"),
        (("code_challenge_method", Some("plain")), "invalid_request"),
        (("code_challenge_method", None), "invalid_request"),
        (("response_type", Some("token")), "unsupported_response_type"),
    ] {
        let url = authorization_url(&client, &[changes]);
        assert_eq!(sent_back(&client.decide(&url, "login").await, "error").unwrap(), error);
    }
    let url = authorization_url(&client, &[("client_id", Some("another"))]);
    assert_eq!(client.decide(&url, "login").await.status, 400);
    let code = code(&mut client, &[]).await;
    let page = redeem(&mut client, &code, &[("client_id", Some("another"))]).await;
    assert_eq!((page.status, &document(&page)["error"]), (401, &json!("invalid_client")));
}

#[tokio::test]
async fn a_token_request_must_be_a_form() {
    let mut client = Client::new(&AUTHGATE);
    let code = code(&mut client, &[]).await;
    let body = json!({ "grant_type": "authorization_code", "client_id": "cli-app", "code": code });
    assert_eq!(refused(&client.json("/oauth/token", &body).await), "invalid_request");
    let page = redeem(&mut client, &code, &[("grant_type", Some("password"))]).await;
    assert_eq!(refused(&page), "unsupported_grant_type");
}

#[tokio::test]
async fn an_id_token_is_returned_only_for_a_code_with_the_scope_openid() {
    let mut client = Client::new(&AUTHGATE);
    let first = log_in(&mut client).await;
    let second = granted(&refresh(&mut client, text(&first, "refresh_token")).await);
    assert!(second.get("id_token").is_none());
    let code = code(&mut client, &[("scope", Some("profile email"))]).await;
    let tokens = granted(&redeem(&mut client, &code, &[]).await);
    assert!(tokens.get("id_token").is_none());
    granted(&client.bearer("/oauth/userinfo", text(&tokens, "access_token")).await);
}

#[tokio::test]
async fn without_rotation_a_refresh_repeats_the_refresh_token() {
    let mut client = Client::new(&AUTHGATE);
    let first = log_in(&mut client).await;
    for _ in 0..2 {
        let renewed = granted(&refresh(&mut client, text(&first, "refresh_token")).await);
        assert_eq!(renewed["refresh_token"], first["refresh_token"]);
        assert_ne!(renewed["access_token"], first["access_token"]);
    }
    client.misbehaves(Misbehaviour::OmitRefreshToken);
    let renewed = granted(&refresh(&mut client, text(&first, "refresh_token")).await);
    assert!(renewed.get("refresh_token").is_none());
}

#[tokio::test]
async fn with_rotation_a_refresh_token_used_twice_ends_the_session() {
    let mut client = Client::of(&AUTHGATE, rotating());
    let first = log_in(&mut client).await;
    let second = granted(&refresh(&mut client, text(&first, "refresh_token")).await);
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    let page = refresh(&mut client, text(&first, "refresh_token")).await;
    assert_eq!(refused(&page), "invalid_grant");
    let page = refresh(&mut client, text(&second, "refresh_token")).await;
    assert_eq!(refused(&page), "invalid_grant");
    let page = client.bearer("/oauth/userinfo", text(&second, "access_token")).await;
    assert_eq!(page.status, 401);
}

#[tokio::test]
async fn a_token_can_be_introspected_and_sent_to_tokeninfo() {
    let mut client = Client::new(&AUTHGATE);
    let tokens = log_in(&mut client).await;
    let access_token = text(&tokens, "access_token");
    let info = granted(&client.bearer("/oauth/tokeninfo", access_token).await);
    assert_eq!(info["active"], true);
    assert_eq!(info["client_id"], "cli-app");
    assert_eq!(info["scope"], SCOPE);
    assert_eq!(info["exp"], 1_800_003_600);
    assert_eq!(info["iss"], client.standin.url());
    assert_eq!(info["subject_type"], "user");

    let form = [("token", access_token), ("client_id", "cli-app")];
    let looked = granted(&client.form("/oauth/introspect", &form).await);
    assert_eq!((&looked["active"], &looked["sub"]), (&json!(true), &info["user_id"]));
    assert_eq!(client.form("/oauth/introspect", &form[..1]).await.status, 401);
    client.seconds_go_by(3600);
    let looked = client.form("/oauth/introspect", &form).await;
    assert_eq!(looked.body, r#"{"active":false}"#);
    for path in ["/oauth/tokeninfo", "/oauth/userinfo"] {
        let page = client.bearer(path, access_token).await;
        assert_eq!(page.status, 401);
        assert!(page.header("www-authenticate").unwrap().contains("invalid_token"));
        assert_eq!(client.get(path).await.status, 401);
    }
}

#[tokio::test]
async fn revoking_a_refresh_token_ends_its_session_with_or_without_a_client() {
    let mut client = Client::new(&AUTHGATE);
    for form in [vec![], vec![("client_id", "cli-app")]] {
        let tokens = log_in(&mut client).await;
        let token = [("token", text(&tokens, "refresh_token"))];
        granted(&client.form("/oauth/revoke", &[&form[..], &token].concat()).await);
        let page = refresh(&mut client, text(&tokens, "refresh_token")).await;
        assert_eq!(refused(&page), "invalid_grant");
    }
    granted(&client.form("/oauth/revoke", &[("token", "made up")]).await);
    assert_eq!(refused(&client.form("/oauth/revoke", &[]).await), "invalid_request");
}
