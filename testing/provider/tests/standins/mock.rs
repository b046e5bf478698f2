//! The mock: it accepts every user, client and redirect URI, but not every request.

use latchstring_provider::dialects::MOCK;
use latchstring_provider::visitor::Page;
use latchstring_provider::{Misbehaviour, Options};
use serde_json::Value;

use crate::client::{CODE_VERIFIER, Changes, Client};
use crate::client::{changed, granted, refused, sent_back, text};

const REDIRECT_URI: &str = "http://localhost:8085/callback";

async fn code(client: &mut Client, issuer: &str, changes: Changes<'_>) -> String {
    let path = format!("{issuer}/authorize");
    let url = client.authorization_url(&path, REDIRECT_URI, "openid", changes);
    sent_back(&client.decide(&url, "").await, "code").unwrap()
}

async fn redeem(client: &mut Client, issuer: &str, code: &str, changes: Changes<'_>) -> Page {
    let right = [
        ("grant_type", "authorization_code"),
        ("client_id", "cli-app"),
        ("code", code),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", CODE_VERIFIER),
    ];
    client.form(&format!("{issuer}/token"), &changed(&right, changes)).await
}

async fn log_in(client: &mut Client) -> Value {
    let code = code(client, "/default", &[]).await;
    granted(&redeem(client, "/default", &code, &[]).await)
}

async fn refresh(client: &mut Client, tokens: &Value) -> Page {
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "cli-app"),
        ("refresh_token", text(tokens, "refresh_token")),
    ];
    client.form("/default/token", &form).await
}

#[tokio::test]
async fn every_path_is_an_issuer() {
    let mut client = Client::new(&MOCK);
    assert_eq!(client.standin.issuer(), client.url("/default"));
    for issuer in ["/default", "/another/one"] {
        let path = format!("{issuer}/.well-known/openid-configuration");
        let metadata = granted(&client.get(&path).await);
        assert_eq!(metadata["issuer"], client.url(issuer));
        assert!(metadata.get("device_authorization_endpoint").is_none());
        let code = code(&mut client, issuer, &[]).await;
        let tokens = granted(&redeem(&mut client, issuer, &code, &[]).await);
        let jwks = format!("{issuer}/jwks");
        let claims = client.verify(&jwks, text(&tokens, "id_token")).await;
        assert_eq!(claims["iss"], client.url(issuer));
        assert_eq!(claims["tid"], issuer.trim_start_matches('/'));
        assert_eq!((&claims["azp"], &claims["aud"]), (&"cli-app".into(), &"cli-app".into()));
        assert_eq!((&claims["sub"], &claims["nonce"]), (&"Ada Lovelace".into(), &"a nonce".into()));
    }
    assert_eq!(client.get("/.well-known/openid-configuration").await.status, 404);
}

#[tokio::test]
async fn a_user_chooses_the_claims() {
    let mut client = Client::new(&MOCK);
    let url = client.authorization_url("/default/authorize", REDIRECT_URI, "openid", &[]);
    let path = url.strip_prefix(client.standin.url()).unwrap().to_owned();
    let form = [("name", "ada"), ("claims", r#"{"role":"admin","tid":"mine"}"#)];
    let code = sent_back(&client.form(&path, &form).await, "code").unwrap();
    let tokens = granted(&redeem(&mut client, "/default", &code, &[]).await);
    let access_token = text(&tokens, "access_token");
    let userinfo = granted(&client.bearer("/default/userinfo", access_token).await);
    assert_eq!((&userinfo["sub"], &userinfo["role"]), (&"ada".into(), &"admin".into()));
    assert_eq!((&userinfo["tid"], &userinfo["azp"]), (&"mine".into(), &"cli-app".into()));
    let form = [("name", "ada"), ("claims", "no json")];
    assert_eq!(client.form(&path, &form).await.status, 400);
}

#[tokio::test]
async fn a_verifier_is_checked_if_it_is_sent() {
    let mut client = Client::new(&MOCK);
    let wrong = [("code_verifier", Some("another-verifier-of-forty-three-letters-or-so"))];
    let first = code(&mut client, "/default", &[]).await;
    assert_eq!(refused(&redeem(&mut client, "/default", &first, &wrong).await), "invalid_grant");
    let none = [("code_verifier", None)];
    let second = code(&mut client, "/default", &[]).await;
    granted(&redeem(&mut client, "/default", &second, &none).await);
    let bare = [("code_challenge", None), ("code_challenge_method", None)];
    let third = code(&mut client, "/default", &bare).await;
    granted(&redeem(&mut client, "/default", &third, &none).await);
    let fourth = code(&mut client, "/default", &bare).await;
    assert_eq!(refused(&redeem(&mut client, "/default", &fourth, &[]).await), "invalid_grant");
}

#[tokio::test]
async fn a_code_works_once_and_only_for_its_client() {
    let mut client = Client::new(&MOCK);
    let spent = code(&mut client, "/default", &[]).await;
    granted(&redeem(&mut client, "/default", &spent, &[]).await);
    assert_eq!(refused(&redeem(&mut client, "/default", &spent, &[]).await), "invalid_grant");
    let mine = code(&mut client, "/default", &[("client_id", Some("any-other"))]).await;
    assert_eq!(refused(&redeem(&mut client, "/default", &mine, &[]).await), "invalid_grant");
    let none = [("client_id", None)];
    assert_eq!(redeem(&mut client, "/default", &mine, &none).await.status, 401);
}

#[tokio::test]
async fn redirect_uris_may_be_anything() {
    let mut client = Client::new(&MOCK);
    for redirect_uri in ["https://elsewhere.example/", "http://localhost:1/x?y=z"] {
        code(&mut client, "/default", &[("redirect_uri", Some(redirect_uri))]).await;
    }
}

#[tokio::test]
async fn every_token_response_has_an_id_token_and_a_refresh_token() {
    let mut client = Client::new(&MOCK);
    let first = log_in(&mut client).await;
    assert_eq!(first["expires_in"], 3600);
    let second = granted(&refresh(&mut client, &first).await);
    assert!(second["id_token"].is_string());
    assert_eq!(second["refresh_token"], first["refresh_token"]);

    let rotating = Options { rotates_refresh_tokens: Some(true), ..Options::default() };
    let mut client = Client::of(&MOCK, rotating);
    let first = log_in(&mut client).await;
    let second = granted(&refresh(&mut client, &first).await);
    assert_eq!(refused(&refresh(&mut client, &first).await), "invalid_grant");
    granted(&refresh(&mut client, &second).await);
}

#[tokio::test]
async fn a_refresh_token_works_only_for_its_client() {
    let mut client = Client::new(&MOCK);
    let tokens = log_in(&mut client).await;
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "any-other"),
        ("refresh_token", text(&tokens, "refresh_token")),
    ];
    assert_eq!(refused(&client.form("/default/token", &form).await), "invalid_grant");
    granted(&refresh(&mut client, &tokens).await);
}

#[tokio::test]
async fn only_refresh_tokens_can_be_revoked() {
    let mut client = Client::new(&MOCK);
    let tokens = log_in(&mut client).await;
    let token = ("token", text(&tokens, "refresh_token"));
    let page = client.form("/default/revoke", &[token]).await;
    assert_eq!(refused(&page), "unsupported_token_type");
    let hint = ("token_type_hint", "refresh_token");
    granted(&client.form("/default/revoke", &[token, hint]).await);
    assert_eq!(refused(&refresh(&mut client, &tokens).await), "invalid_grant");
}

#[tokio::test]
async fn introspection_and_userinfo_distinguish_valid_tokens() {
    let mut client = Client::new(&MOCK);
    let tokens = log_in(&mut client).await;
    let access_token = text(&tokens, "access_token");
    let form = [("token", access_token)];
    let looked = granted(&client.form("/default/introspect", &form).await);
    assert_eq!((&looked["active"], &looked["tid"]), (&true.into(), &"default".into()));
    client.misbehaves(Misbehaviour::RevokeSession);
    let looked = client.form("/default/introspect", &form).await;
    assert_eq!(looked.body, r#"{"active":false}"#);
    assert_eq!(client.bearer("/default/userinfo", access_token).await.status, 401);
    assert_eq!(client.get("/default/userinfo").await.status, 401);
}

#[tokio::test]
async fn end_session_redirects_to_the_given_uri() {
    let mut client = Client::new(&MOCK);
    let target = "/default/endsession?post_logout_redirect_uri=http://localhost:1/bye";
    let page = client.get(target).await;
    assert_eq!(page.header("location"), Some("http://localhost:1/bye"));
    assert_eq!(client.get("/default/endsession").await.status, 200);
}
