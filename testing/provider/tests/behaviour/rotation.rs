use latchstring_provider::Options;

use crate::client::{Client, granted, refused, text};

#[tokio::test]
async fn every_refresh_replaces_the_refresh_token() {
    let mut client = Client::new();
    let first = client.log_in().await;
    let second = granted(&client.refresh(&first, &[]).await);
    let third = granted(&client.refresh(&second, &[]).await);
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    assert_ne!(third["refresh_token"], second["refresh_token"]);
    assert_ne!(third["access_token"], second["access_token"]);
    // Renewing one token does not end those before it.
    assert_eq!(client.userinfo(&first).await.status, 200);
}

#[tokio::test]
async fn a_refresh_token_used_twice_revokes_its_family() {
    let mut client = Client::new();
    let first = client.log_in().await;
    let second = granted(&client.refresh(&first, &[]).await);

    assert_eq!(refused(&client.refresh(&first, &[]).await), "invalid_grant");
    assert_eq!(refused(&client.refresh(&second, &[]).await), "invalid_grant");
    assert_eq!(client.userinfo(&first).await.status, 401);
    assert_eq!(client.userinfo(&second).await.status, 401);
}

#[tokio::test]
async fn without_rotation_one_refresh_token_lasts() {
    let mut client =
        Client::of(Options { rotates_refresh_tokens: Some(false), ..Options::default() });
    let first = client.log_in().await;
    for _ in 0..2 {
        let renewed = granted(&client.refresh(&first, &[]).await);
        assert!(renewed.get("refresh_token").is_none());
    }
}

#[tokio::test]
async fn another_login_is_another_family() {
    let mut client = Client::new();
    let mine = client.log_in().await;
    let other = client.log_in().await;
    granted(&client.refresh(&mine, &[]).await);
    refused(&client.refresh(&mine, &[]).await);
    granted(&client.refresh(&other, &[]).await);
}

#[tokio::test]
async fn a_renewed_id_token_is_about_the_same_login() {
    let mut client = Client::new();
    let first = client.log_in().await;
    client.seconds_go_by(1000);
    let second = granted(&client.refresh(&first, &[]).await);
    let before = client.verify(text(&first, "id_token")).await.unwrap();
    let after = client.verify(text(&second, "id_token")).await.unwrap();
    for name in ["iss", "sub", "aud", "auth_time"] {
        assert_eq!(after[name], before[name], "{name}");
    }
    assert_eq!(after["iat"], 1_800_001_000);
    assert!(after.get("nonce").is_none());
}

#[tokio::test]
async fn a_refresh_may_request_fewer_scopes_but_not_more() {
    let mut client = Client::new();
    let scope = "openid offline_access";
    let code = client.code(&[("scope", Some(scope))]).await;
    let tokens = granted(&client.redeem(&code, &[]).await);

    let more = [("scope", Some("openid email"))];
    assert_eq!(refused(&client.refresh(&tokens, &more).await), "invalid_scope");
    let elsewhere = [("resource", Some("https://api.example/"))];
    assert_eq!(refused(&client.refresh(&tokens, &elsewhere).await), "invalid_target");

    // Neither mistake has used up the token.
    let less = [("scope", Some("openid"))];
    let narrow = granted(&client.refresh(&tokens, &less).await);
    assert_eq!(narrow["scope"], "openid");
    let wide = granted(&client.refresh(&narrow, &[]).await);
    assert_eq!(wide["scope"], scope);
}

#[tokio::test]
async fn a_resource_is_granted_if_it_was_requested() {
    let mut client = Client::new();
    let resource = [("resource", Some("https://api.example/"))];
    let code = client.code(&resource).await;
    let tokens = granted(&client.redeem(&code, &resource).await);
    granted(&client.refresh(&tokens, &resource).await);

    let log = client.provider.log();
    let asked = log.iter().filter_map(|seen| seen.parameter("resource"));
    assert_eq!(asked.collect::<Vec<_>>(), ["https://api.example/"; 3]);
}
