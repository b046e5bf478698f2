use crate::client::{Client, granted, refused, text};

#[tokio::test]
async fn revoking_a_refresh_token_revokes_its_whole_login() {
    let mut client = Client::new();
    let tokens = client.log_in().await;
    let page = client.revoke(text(&tokens, "refresh_token")).await;
    assert_eq!(page.status, 200);
    assert_eq!(client.userinfo(&tokens).await.status, 401);
    assert_eq!(refused(&client.refresh(&tokens, &[]).await), "invalid_grant");
}

#[tokio::test]
async fn revoking_an_access_token_revokes_only_that_token() {
    let mut client = Client::new();
    let tokens = client.log_in().await;
    client.revoke(text(&tokens, "access_token")).await;
    assert_eq!(client.userinfo(&tokens).await.status, 401);
    let renewed = granted(&client.refresh(&tokens, &[]).await);
    assert_eq!(client.userinfo(&renewed).await.status, 200);
}

#[tokio::test]
async fn an_unknown_token_counts_as_revoked() {
    let mut client = Client::new();
    assert_eq!(client.revoke("never issued").await.status, 200);
    let page = client.post("/revoke", &[("client_id", "demo")]).await;
    assert_eq!(refused(&page), "invalid_request");
}
