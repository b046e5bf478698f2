//! Fief: an https issuer, one redirect URI, and refresh tokens that rotate.

use latchstring_provider::dialects::FIEF;
use latchstring_provider::visitor::Page;
use latchstring_provider::{Misbehaviour, Options};
use serde_json::{Value, json};

use url::Url;

use crate::client::{CODE_VERIFIER, Changes, Client};
use crate::client::{changed, granted, half_hash, json as document, refused, sent_back, text};

const REDIRECT_URI: &str = "http://localhost:51562/callback";
const SCOPE: &str = "openid offline_access";
const JWKS: &str = "/.well-known/jwks.json";

fn authorization_url(client: &Client, changes: Changes<'_>) -> String {
    client.authorization_url("/authorize", REDIRECT_URI, SCOPE, changes)
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
    client.form("/api/token", &changed(&right, changes)).await
}

async fn refresh(client: &mut Client, tokens: &Value) -> Page {
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "cli-app"),
        ("refresh_token", text(tokens, "refresh_token")),
    ];
    client.form("/api/token", &form).await
}

async fn log_in(client: &mut Client) -> Value {
    let code = code(client, &[]).await;
    granted(&redeem(client, &code, &[]).await)
}

#[tokio::test]
async fn the_issuer_and_its_endpoints_say_https_over_plain_http() {
    let mut client = Client::new(&FIEF);
    let metadata = granted(&client.get("/.well-known/openid-configuration").await);
    let https = client.standin.url().replace("http://", "https://");
    assert_eq!(client.standin.issuer(), https);
    assert_eq!(metadata["issuer"], https);
    assert_eq!(metadata["token_endpoint"], format!("{https}/api/token"));
    assert_eq!(metadata["jwks_uri"], format!("{https}{JWKS}"));
}

#[tokio::test]
async fn a_tenant_has_everything_under_its_path() {
    let options = Options { tenant: "/tenant".into(), ..Options::default() };
    let mut client = Client::of(&FIEF, options);
    let metadata = granted(&client.get("/tenant/.well-known/openid-configuration").await);
    assert_eq!(metadata["issuer"], client.standin.issuer());
    assert!(text(&metadata, "issuer").ends_with("/tenant"));
    assert_eq!(client.get("/.well-known/openid-configuration").await.status, 404);
    let url = client.authorization_url("/tenant/authorize", REDIRECT_URI, SCOPE, &[]);
    sent_back(&client.decide(&url, "login").await, "code").unwrap();
}

#[tokio::test]
async fn an_id_token_is_bound_to_its_access_token_and_its_code() {
    let mut client = Client::new(&FIEF);
    let code = code(&mut client, &[("lang", Some("fr")), ("acr_values", Some("1"))]).await;
    let tokens = granted(&redeem(&mut client, &code, &[]).await);
    let claims = client.verify(JWKS, text(&tokens, "id_token")).await;
    assert_eq!(claims["iss"], client.standin.issuer());
    assert_eq!(claims["at_hash"], half_hash(text(&tokens, "access_token")));
    assert_eq!(claims["c_hash"], half_hash(&code));
    assert_eq!(claims["nonce"], "a nonce");
}

#[tokio::test]
async fn an_access_token_loses_its_acr_at_a_refresh() {
    let mut client = Client::new(&FIEF);
    let first = log_in(&mut client).await;
    let claims = client.verify(JWKS, text(&first, "access_token")).await;
    assert_eq!(claims["iss"], client.standin.issuer());
    assert_eq!(claims["aud"], json!(["cli-app"]));
    assert_eq!((&claims["azp"], &claims["client_id"]), (&json!("cli-app"), &json!("cli-app")));
    assert_eq!((&claims["scope"], &claims["acr"]), (&json!(SCOPE), &json!("1")));
    assert_eq!(claims["exp"].as_u64(), claims["iat"].as_u64().map(|iat| iat + 3600));
    assert!(claims["permissions"].is_array());

    let second = granted(&refresh(&mut client, &first).await);
    let claims = client.verify(JWKS, text(&second, "access_token")).await;
    assert_eq!(claims["acr"], "0");
    let claims = client.verify(JWKS, text(&second, "id_token")).await;
    assert_eq!((&claims["acr"], claims.get("c_hash")), (&json!("0"), None));
}

#[tokio::test]
async fn every_refresh_replaces_the_refresh_token_and_the_old_one_is_refused() {
    let mut client = Client::new(&FIEF);
    let first = log_in(&mut client).await;
    let second = granted(&refresh(&mut client, &first).await);
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    assert_eq!(refused(&refresh(&mut client, &first).await), "invalid_grant");
    granted(&refresh(&mut client, &second).await);
}

#[tokio::test]
async fn prompt_consent_fails_before_a_login_with_a_description_in_letters() {
    let mut client = Client::new(&FIEF);
    for prompt in ["consent", "none"] {
        let changes = [("prompt", Some(prompt))];
        let url = client.authorization_url("/authorize", REDIRECT_URI, SCOPE, &changes);
        let page = client.get(url.strip_prefix(client.standin.url()).unwrap()).await;
        assert_eq!(sent_back(&page, "error").unwrap(), "login_required");
        assert_eq!(sent_back(&page, "state").unwrap(), "a state");
        let back = Url::parse(page.header("location").unwrap()).unwrap();
        let said = back.query_pairs().filter(|(name, _)| name == "error_description");
        let letters: Vec<_> = said.map(|(_, letter)| letter.into_owned()).collect();
        assert!(letters.iter().all(|letter| letter.chars().count() == 1), "{letters:?}");
        assert_eq!(letters.concat(), "User is not logged in");
    }
    let changes = [("prompt", Some("login"))];
    let url = client.authorization_url("/authorize", REDIRECT_URI, SCOPE, &changes);
    sent_back(&client.decide(&url, "login").await, "code").unwrap();
}

#[tokio::test]
async fn without_offline_access_there_is_no_refresh_token() {
    let mut client = Client::new(&FIEF);
    let code = code(&mut client, &[("scope", Some("openid"))]).await;
    let tokens = granted(&redeem(&mut client, &code, &[]).await);
    assert!(tokens.get("refresh_token").is_none());
    let stranger = json!({ "refresh_token": "made up" });
    assert_eq!(refused(&refresh(&mut client, &stranger).await), "invalid_grant");
}

#[tokio::test]
async fn without_openid_no_page_is_shown() {
    let mut client = Client::new(&FIEF);
    let url = authorization_url(&client, &[("scope", Some("offline_access"))]);
    let back = client.decide(&url, "login").await;
    assert_eq!(sent_back(&back, "error").unwrap(), "invalid_scope");
}

#[tokio::test]
async fn the_redirect_uri_is_compared_exactly() {
    let mut client = Client::new(&FIEF);
    for redirect_uri in [
        "http://localhost:51563/callback",
        "http://127.0.0.1:51562/callback",
        "http://localhost:51562/",
        "http://localhost:51562/callback?a=b",
        "http://localhost/callback",
    ] {
        let url = authorization_url(&client, &[("redirect_uri", Some(redirect_uri))]);
        assert_eq!(client.decide(&url, "login").await.status, 400, "{redirect_uri}");
    }
    let code = code(&mut client, &[]).await;
    let elsewhere = [("redirect_uri", Some("http://127.0.0.1:51562/callback"))];
    assert_eq!(refused(&redeem(&mut client, &code, &elsewhere).await), "invalid_grant");
}

#[tokio::test]
async fn a_code_works_once_and_only_with_the_right_proof() {
    let mut client = Client::new(&FIEF);
    let spent = code(&mut client, &[]).await;
    granted(&redeem(&mut client, &spent, &[]).await);
    assert_eq!(refused(&redeem(&mut client, &spent, &[]).await), "invalid_grant");
    let wrong = code(&mut client, &[]).await;
    let verifier = [("code_verifier", Some("another-verifier-of-forty-three-letters-or-so"))];
    assert_eq!(refused(&redeem(&mut client, &wrong, &verifier).await), "invalid_grant");
    let stranger = [("client_id", Some("another"))];
    assert_eq!(refused(&redeem(&mut client, &wrong, &stranger).await), "invalid_client");
    let body = json!({ "grant_type": "refresh_token", "client_id": "cli-app" });
    assert_eq!(refused(&client.json("/api/token", &body).await), "invalid_request");
}

#[tokio::test]
async fn userinfo_needs_a_token_of_a_live_session() {
    let mut client = Client::new(&FIEF);
    let tokens = log_in(&mut client).await;
    let access_token = text(&tokens, "access_token");
    let user = granted(&client.bearer("/api/userinfo", access_token).await);
    assert_eq!(user["email"], "ada.lovelace@example.com");
    let claims = client.verify(JWKS, text(&tokens, "id_token")).await;
    assert_eq!((&claims["sub"], &claims["email"]), (&user["sub"], &user["email"]));
    assert_eq!(client.get("/api/userinfo").await.status, 401);
    client.misbehaves(Misbehaviour::UserinfoDown);
    assert_eq!(client.bearer("/api/userinfo", access_token).await.status, 503);
    client.standin.behave();
    client.standin.revoke_all();
    assert_eq!(client.bearer("/api/userinfo", access_token).await.status, 401);
    assert_eq!(refused(&refresh(&mut client, &tokens).await), "invalid_grant");
    assert_eq!(document(&client.get("/nothing").await)["detail"], "Not Found");
}

#[tokio::test]
async fn access_tokens_can_be_short_lived() {
    let options = Options { expires_in: Some(5), ..Options::default() };
    let mut client = Client::of(&FIEF, options);
    let tokens = log_in(&mut client).await;
    assert_eq!(tokens["expires_in"], 5);
    client.seconds_go_by(5);
    let page = client.bearer("/api/userinfo", text(&tokens, "access_token")).await;
    assert_eq!(page.status, 401);
    granted(&refresh(&mut client, &tokens).await);
}
