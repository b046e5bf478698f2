//! What the demo provider grants.

use serde_json::json;

use crate::client::{AT_DEMO, granted, half_hash, json, text};

#[tokio::test]
async fn a_user_logs_in_and_the_client_gets_the_claims() {
    let mut client = AT_DEMO.client();
    let redirect = client.decide(&[], "login").await;
    assert_eq!(redirect.parameter("state").unwrap(), "a state");
    assert_eq!(redirect.parameter("iss").unwrap(), client.provider.issuer());

    let code = redirect.parameter("code").unwrap();
    let tokens = granted(&client.redeem(&code, &[]).await);
    let claims = client.verify(text(&tokens, "id_token")).await.unwrap();
    let userinfo = json(&client.userinfo(&tokens).await);
    // The same at every start.
    let subject = "dnQCFhcVkZA829GPvHcN9A";
    let expected = json!({
        "sub": subject,
        "name": "Ada Lovelace",
        "preferred_username": "ada.lovelace",
        "email": "ada.lovelace@example.com",
        "email_verified": false,
    });
    assert_eq!(userinfo, expected);
    let expected = json!({
        "iss": client.provider.issuer(),
        "aud": "demo",
        "sub": subject,
        "iat": 1_800_000_000,
        "exp": 1_800_003_600,
        "auth_time": 1_800_000_000,
        "nonce": "a nonce",
        "at_hash": half_hash(text(&tokens, "access_token")),
        "name": "Ada Lovelace",
        "preferred_username": "ada.lovelace",
        "email": "ada.lovelace@example.com",
        "email_verified": false,
    });
    assert_eq!(claims, expected);
}

#[tokio::test]
async fn scopes_decide_what_is_granted() {
    let mut client = AT_DEMO.client();
    let tokens = client.log_in(&[("scope", Some("openid unheard_of"))]).await;
    assert_eq!(tokens["scope"], "openid");
    let claims = client.verify(text(&tokens, "id_token")).await.unwrap();
    assert!(claims.get("name").is_none() && claims.get("email").is_none());

    let tokens = client.log_in(&[("scope", None)]).await;
    assert!(tokens.get("id_token").is_none());
    assert_eq!(client.userinfo(&tokens).await.status, 403);
}

#[tokio::test]
async fn both_metadata_paths_have_the_same_document() {
    let mut client = AT_DEMO.client();
    let openid = json(&client.get("/.well-known/openid-configuration").await);
    let oauth = json(&client.get("/.well-known/oauth-authorization-server").await);
    assert_eq!(openid, oauth);
}

#[tokio::test]
async fn an_old_key_stays_published_after_a_rotation() {
    let mut client = AT_DEMO.client();
    let before = client.log_in(&[]).await;
    client.provider.rotate_keys();
    let after = client.log_in(&[]).await;
    assert!(client.verify(text(&before, "id_token")).await.is_some());
    assert!(client.verify(text(&after, "id_token")).await.is_some());
}
