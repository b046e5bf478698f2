//! What only Fief does.

use serde_json::json;

use crate::client::{AT_FIEF, Redirect, granted, half_hash, text};

#[tokio::test]
async fn an_id_token_is_bound_to_its_access_token_and_its_code() {
    let mut client = AT_FIEF.client();
    let code = client.code(&[("lang", Some("fr")), ("acr_values", Some("1"))]).await;
    let tokens = granted(&client.redeem(&code, &[]).await);
    let claims = client.verify(text(&tokens, "id_token")).await.unwrap();
    assert_eq!(claims["iss"], client.provider.url().replace("http://", "https://"));
    assert_eq!(claims["at_hash"], half_hash(text(&tokens, "access_token")));
    assert_eq!(claims["c_hash"], half_hash(&code));

    let renewed = granted(&client.refresh(&tokens, &[]).await);
    let claims = client.verify(text(&renewed, "id_token")).await.unwrap();
    assert_eq!((&claims["acr"], claims.get("c_hash")), (&json!("0"), None));
    let claims = client.verify(text(&renewed, "access_token")).await.unwrap();
    assert_eq!((&claims["acr"], &claims["aud"]), (&json!("0"), &json!(["cli-app"])));
}

#[tokio::test]
async fn prompt_consent_fails_before_a_login_with_a_description_in_letters() {
    let mut client = AT_FIEF.client();
    for prompt in ["consent", "none"] {
        let back = Redirect::of(&client.open(&[("prompt", Some(prompt))]).await);
        assert_eq!(back.parameter("error").unwrap(), "login_required");
        let said = back.0.query_pairs().filter(|(name, _)| name == "error_description");
        let letters: Vec<_> = said.map(|(_, letter)| letter.into_owned()).collect();
        assert!(letters.iter().all(|letter| letter.chars().count() == 1), "{letters:?}");
        assert_eq!(letters.concat(), "User is not logged in");
    }
    client.code(&[("prompt", Some("login"))]).await;
}

#[tokio::test]
async fn without_openid_no_page_is_shown() {
    let back = AT_FIEF.client().open(&[("scope", Some("offline_access"))]).await;
    assert_eq!(Redirect::of(&back).parameter("error").unwrap(), "invalid_scope");
}
