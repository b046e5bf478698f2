//! What only the mock does: it accepts every user, client and redirect URI, but not every
//! request.

use crate::client::{AT_MOCK, granted, json, refused, text};

#[tokio::test]
async fn a_user_chooses_the_claims() {
    let mut client = AT_MOCK.client();
    let url = client.authorization_url(&[]);
    for (claims, status) in [(r#"{"sub":"ada","role":"admin"}"#, 303), ("no json", 400)] {
        let form = [("name", "Ada Lovelace"), ("claims", claims)];
        let page = client.browser.post(&url, &form).await.unwrap();
        assert_eq!(page.status, status, "{claims}");
        let Some(location) = page.header("location") else { continue };
        let (_, code) = location.split_once("code=").unwrap();
        let tokens = granted(&client.redeem(code.split('&').next().unwrap(), &[]).await);
        let user = json(&client.userinfo(&tokens).await);
        assert_eq!((&user["sub"], &user["role"]), (&"ada".into(), &"admin".into()));
        let claims = client.verify(text(&tokens, "id_token")).await.unwrap();
        assert_eq!((&claims["sub"], &claims["role"]), (&"ada".into(), &"admin".into()));
    }
}

#[tokio::test]
async fn a_verifier_is_checked_if_it_is_sent() {
    let mut client = AT_MOCK.client();
    let none = [("code_verifier", None)];
    let code = client.code(&[]).await;
    granted(&client.redeem(&code, &none).await);
    let bare = [("code_challenge", None), ("code_challenge_method", None)];
    let code = client.code(&bare).await;
    granted(&client.redeem(&code, &none).await);
    let code = client.code(&bare).await;
    assert_eq!(refused(&client.redeem(&code, &[]).await), "invalid_grant");
}

#[tokio::test]
async fn a_refresh_token_works_only_for_its_client() {
    let mut client = AT_MOCK.client();
    let tokens = client.log_in(&[]).await;
    let other = [("client_id", Some("any-other"))];
    assert_eq!(refused(&client.refresh(&tokens, &other).await), "invalid_grant");
    granted(&client.refresh(&tokens, &[]).await);
}
