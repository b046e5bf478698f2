//! What only some systems put into their token responses.

use crate::client::{AT_AUTHGATE, AT_STYTCH, granted, json};

#[tokio::test]
async fn authgate_returns_an_id_token_only_for_a_code_with_the_scope_openid() {
    let mut client = AT_AUTHGATE.client();
    let first = client.log_in(&[]).await;
    assert!(first["id_token"].is_string());
    let second = granted(&client.refresh(&first, &[]).await);
    assert!(second.get("id_token").is_none());
    let tokens = client.log_in(&[("scope", Some("profile email"))]).await;
    assert!(tokens.get("id_token").is_none());
}

#[tokio::test]
async fn stytch_repeats_the_status_in_every_body_beside_a_request_id() {
    let mut client = AT_STYTCH.client();
    let code = client.code(&[]).await;
    for status in [200, 400] {
        let page = client.redeem(&code, &[]).await;
        let body = json(&page);
        assert_eq!((page.status, &body["status_code"]), (status, &status.into()));
        assert!(body["request_id"].as_str().unwrap().starts_with("request-id-"));
    }
}
