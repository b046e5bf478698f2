use latchstring_provider::{Fault, Provider};
use serde_json::json;

use crate::client::{AT_DEMO, granted, json, refused, text};

const METADATA: &str = "/.well-known/openid-configuration";

#[tokio::test]
async fn a_fault_happens_the_given_number_of_times() {
    let mut client = AT_DEMO.client();
    let fault = Fault::answer(METADATA, 503, "text/plain", "later");
    client.provider.misbehave(fault.times(2));
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(client.get(METADATA).await.status);
    }
    assert_eq!(statuses, [503, 503, 200]);
}

#[tokio::test]
async fn a_fault_without_a_number_lasts_until_the_provider_behaves() {
    let mut client = AT_DEMO.client();
    client.provider.misbehave(Fault::other_issuer());
    for path in [METADATA, "/.well-known/oauth-authorization-server"] {
        let metadata = json(&client.get(path).await);
        assert_eq!(metadata["issuer"], "https://other.example");
    }
    client.provider.behave();
    let metadata = json(&client.get(METADATA).await);
    assert_eq!(metadata["issuer"], client.provider.issuer());
}

#[tokio::test]
async fn faults_add_up() {
    let mut client = AT_DEMO.client();
    client.provider.misbehave(Fault::missing_endpoint("token_endpoint"));
    client.provider.misbehave(Fault::plain_http_endpoint("userinfo_endpoint"));
    let metadata = json(&client.get(METADATA).await);
    assert!(metadata.get("token_endpoint").is_none());
    assert!(text(&metadata, "userinfo_endpoint").starts_with("http://login.example.com/"));
}

#[tokio::test]
async fn a_flood_has_the_given_length_and_no_content_length() {
    let mut client = AT_DEMO.client();
    client.provider.misbehave(Fault::flood("/jwks", 1_000_000));
    let page = client.get("/jwks").await;
    assert_eq!(page.body.len(), 1_000_000);
    assert!(page.header("content-length").is_none());
}

#[tokio::test]
async fn a_replaced_response_uses_up_nothing_and_a_lost_response_does() {
    let mut client = AT_DEMO.client();
    let tokens = client.log_in(&[]).await;
    client.provider.misbehave(Fault::answer("/token", 503, "text/plain", "").times(1));
    assert_eq!(client.refresh(&tokens, &[]).await.status, 503);
    let tokens = granted(&client.refresh(&tokens, &[]).await);

    client.provider.misbehave(Fault::lose_answer("/token").times(1));
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "demo"),
        ("refresh_token", text(&tokens, "refresh_token")),
    ];
    let url = client.url("/token");
    assert!(client.browser.post(&url, &form).await.is_err());
    assert_eq!(refused(&client.refresh(&tokens, &[]).await), "invalid_grant");
}

#[tokio::test]
async fn a_wrong_claim_has_a_valid_signature() {
    let faults = [
        (Fault::wrong_nonce(), "nonce", json!("the nonce of another login")),
        (Fault::wrong_audience(), "aud", json!("another-client")),
        (Fault::expired_id_token(), "exp", json!(1)),
    ];
    for (fault, name, value) in faults {
        let mut client = AT_DEMO.client();
        client.provider.misbehave(fault);
        let tokens = client.log_in(&[]).await;
        let claims = client.verify(text(&tokens, "id_token")).await.unwrap();
        assert_eq!(claims[name], value);
    }
}

#[tokio::test]
async fn a_new_key_may_appear_at_the_second_request() {
    let mut client = AT_DEMO.client();
    client.provider.rotate_keys();
    client.provider.misbehave(Fault::stale_keys().times(1));
    let tokens = client.log_in(&[]).await;
    assert!(client.verify(text(&tokens, "id_token")).await.is_none());
    assert!(client.verify(text(&tokens, "id_token")).await.is_some());
}

#[tokio::test]
async fn the_redirect_can_be_changed() {
    let mut client = AT_DEMO.client();
    client.provider.misbehave(Fault::redirect("iss", None).times(1));
    // The login page is not a redirect, so it does not count.
    client.browser.get(&client.authorization_url(&[])).await.unwrap();
    let redirect = client.decide(&[], "login").await;
    assert!(redirect.parameter("iss").is_none());

    client.provider.misbehave(Fault::redirect("state", Some("another")).times(1));
    let redirect = client.decide(&[], "login").await;
    assert_eq!(redirect.parameter("state").unwrap(), "another");
    assert!(redirect.parameter("iss").is_some());
}

#[tokio::test]
async fn hostile_descriptions_arrive_unchanged() {
    let mut client = AT_DEMO.client();
    client.provider.misbehave(Fault::hostile_redirect());
    let redirect = client.decide(&[], "refuse").await;
    let description = redirect.parameter("error_description").unwrap();
    assert!(description.contains("<script>") && description.contains('\u{1b}'));

    client.provider.misbehave(Fault::hostile_token_error());
    let page = client.redeem("any code", &[]).await;
    assert!(text(&json(&page), "error_description").contains('\u{1b}'));
}

#[tokio::test]
async fn a_dropped_provider_is_closed() {
    let mut client = AT_DEMO.client();
    let url = client.url("/jwks");
    let keys = client.browser.get(&url).await.unwrap().body;
    client.provider = Provider::start(Default::default()).unwrap();
    // Another provider may have taken the port by now, with other keys.
    let found = client.browser.get(&url).await.map(|page| page.body);
    assert_ne!(found.ok(), Some(keys));
}

#[tokio::test]
async fn a_silence_lasts_as_long_as_the_provider() {
    let mut client = AT_DEMO.client();
    client.provider.misbehave(Fault::silence("/jwks"));
    let url = client.url("/jwks");
    let mut browser = std::mem::take(&mut client.browser);
    let waiting = tokio::spawn(async move { browser.get(&url).await });
    while client.provider.log().is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(!waiting.is_finished());
    drop(client);
    assert!(waiting.await.unwrap().is_err());
}
