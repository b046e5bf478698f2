use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::client::{Client, REDIRECT_URI, granted, json, refused, text};

#[tokio::test]
async fn a_user_logs_in_and_the_client_gets_the_claims() {
    let mut client = Client::new();
    let page = client.browser.get(&client.authorization_url(&[])).await.unwrap();
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Log in") && page.body.contains("Refuse"));

    let redirect = client.decide(&[], "login").await;
    assert_eq!(redirect.to(), REDIRECT_URI);
    assert_eq!(redirect.parameter("state").unwrap(), "a state");
    assert_eq!(redirect.parameter("iss").unwrap(), client.provider.issuer());

    let code = redirect.parameter("code").unwrap();
    let tokens = granted(&client.redeem(&code, &[]).await);
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["expires_in"], 3600);
    assert_eq!(tokens["scope"], "openid profile email offline_access");

    let claims = client.verify(text(&tokens, "id_token")).await.unwrap();
    let access_hash = Sha256::digest(text(&tokens, "access_token"));
    let subject = claims["sub"].clone();
    let expected = json!({
        "iss": client.provider.issuer(),
        "aud": "demo",
        "sub": subject,
        "iat": 1_800_000_000,
        "exp": 1_800_003_600,
        "auth_time": 1_800_000_000,
        "nonce": "a nonce",
        "at_hash": URL_SAFE_NO_PAD.encode(&access_hash[..16]),
        "name": "Ada Lovelace",
        "preferred_username": "ada.lovelace",
        "email": "ada.lovelace@example.com",
        "email_verified": false,
    });
    assert_eq!(claims, expected);

    let userinfo = json(&client.userinfo(&tokens).await);
    let expected = json!({
        "sub": subject,
        "name": "Ada Lovelace",
        "preferred_username": "ada.lovelace",
        "email": "ada.lovelace@example.com",
        "email_verified": false,
    });
    assert_eq!(userinfo, expected);
}

#[tokio::test]
async fn both_metadata_paths_have_the_same_document() {
    let mut client = Client::new();
    let openid = json(&client.get("/.well-known/openid-configuration").await);
    let oauth = json(&client.get("/.well-known/oauth-authorization-server").await);
    assert_eq!(openid, oauth);
    assert_eq!(openid["issuer"], client.provider.issuer());
    assert_eq!(openid["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(openid["authorization_response_iss_parameter_supported"], true);
}

#[tokio::test]
async fn a_code_used_twice_revokes_what_it_granted() {
    let mut client = Client::new();
    let code = client.code(&[]).await;
    let tokens = granted(&client.redeem(&code, &[]).await);
    assert_eq!(client.userinfo(&tokens).await.status, 200);

    assert_eq!(refused(&client.redeem(&code, &[]).await), "invalid_grant");
    assert_eq!(client.userinfo(&tokens).await.status, 401);
    assert_eq!(refused(&client.refresh(&tokens, &[]).await), "invalid_grant");
}

#[tokio::test]
async fn a_code_is_valid_for_a_minute() {
    let mut client = Client::new();
    let (early, late) = (client.code(&[]).await, client.code(&[]).await);
    client.seconds_go_by(59);
    granted(&client.redeem(&early, &[]).await);
    client.seconds_go_by(1);
    assert_eq!(refused(&client.redeem(&late, &[]).await), "invalid_grant");
}

#[tokio::test]
async fn a_code_needs_its_verifier_and_redirect_uri() {
    let mut client = Client::new();
    let wrong = [
        ("code_verifier", "another-verifier-of-forty-three-characters-or-more"),
        ("redirect_uri", "http://127.0.0.1:53683/callback"),
        ("redirect_uri", "http://127.0.0.1:53682/callback/"),
        ("code", "a code nobody issued"),
    ];
    for (name, value) in wrong {
        let code = client.code(&[]).await;
        let answer = client.redeem(&code, &[(name, Some(value))]).await;
        assert_eq!(refused(&answer), "invalid_grant", "{name} {value}");
    }
}

#[tokio::test]
async fn a_failed_attempt_uses_up_the_code() {
    let mut client = Client::new();
    let code = client.code(&[]).await;
    let guess = [("code_verifier", Some("a guess"))];
    assert_eq!(refused(&client.redeem(&code, &guess).await), "invalid_grant");
    assert_eq!(refused(&client.redeem(&code, &[]).await), "invalid_grant");
}

#[tokio::test]
async fn scopes_decide_what_is_granted() {
    let mut client = Client::new();
    let code = client.code(&[("scope", Some("openid unheard_of"))]).await;
    let tokens = granted(&client.redeem(&code, &[]).await);
    assert_eq!(tokens["scope"], "openid");
    assert!(tokens.get("refresh_token").is_none());
    let claims = client.verify(text(&tokens, "id_token")).await.unwrap();
    assert!(claims.get("name").is_none() && claims.get("email").is_none());

    let code = client.code(&[("scope", None)]).await;
    let tokens = granted(&client.redeem(&code, &[]).await);
    assert!(tokens.get("id_token").is_none());
    assert_eq!(client.userinfo(&tokens).await.status, 403);
}

#[tokio::test]
async fn an_access_token_expires() {
    let mut client = Client::new();
    let tokens = client.log_in().await;
    client.seconds_go_by(3599);
    assert_eq!(client.userinfo(&tokens).await.status, 200);
    client.seconds_go_by(1);
    let answer = client.userinfo(&tokens).await;
    assert_eq!(answer.status, 401);
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(challenge.contains("invalid_token"));
}

#[tokio::test]
async fn a_name_has_the_same_subject_at_every_start() {
    let mut subjects = Vec::new();
    for _ in 0..2 {
        let mut client = Client::new();
        let tokens = client.log_in().await;
        subjects.push(json(&client.userinfo(&tokens).await)["sub"].clone());
    }
    assert_eq!(subjects[0], subjects[1]);
}

#[tokio::test]
async fn an_old_key_stays_published_after_a_rotation() {
    let mut client = Client::new();
    let before = client.log_in().await;
    client.provider.rotate_keys();
    let after = client.log_in().await;
    assert!(client.verify(text(&before, "id_token")).await.is_some());
    assert!(client.verify(text(&after, "id_token")).await.is_some());
}
