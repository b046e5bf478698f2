//! AuthGate's device grant and its page.

use latchstring_provider::Misbehaviour;
use latchstring_provider::visitor::Page;
use serde_json::Value;

use crate::client::{AT_AUTHGATE, Client, granted, refused, text};

async fn begin(client: &mut Client<'_>) -> Value {
    let form = [("client_id", "cli-app"), ("scope", "openid profile")];
    granted(&client.post("/oauth/device/code", &form).await)
}

async fn poll(client: &mut Client<'_>, device_code: &str, client_id: &str) -> Page {
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("client_id", client_id),
        ("device_code", device_code),
    ];
    client.post("/oauth/token", &form).await
}

/// Polls after this many seconds.
async fn poll_after(client: &mut Client<'_>, seconds: u64, begun: &Value) -> Page {
    client.seconds_go_by(seconds);
    poll(client, text(begun, "device_code"), "cli-app").await
}

#[tokio::test]
async fn user_codes_have_no_ambiguous_letters() {
    let mut client = AT_AUTHGATE.client();
    let begun = begin(&mut client).await;
    assert_eq!((begun["interval"].as_u64(), begun["expires_in"].as_u64()), (Some(5), Some(1800)));
    let user_code = text(&begun, "user_code");
    let (left, right) = user_code.split_once('-').unwrap();
    assert_eq!((left.len(), right.len()), (4, 4));
    let alphabet = "ABCDEFGHJKMNPQRSTUVWXYZ23456789";
    assert!(left.chars().chain(right.chars()).all(|letter| alphabet.contains(letter)));
    assert_eq!(text(&begun, "verification_uri"), client.url("/device"));
    assert!(text(&begun, "verification_uri_complete").ends_with(user_code));
}

#[tokio::test]
async fn an_early_poll_lengthens_the_interval() {
    let mut client = AT_AUTHGATE.client();
    let begun = begin(&mut client).await;
    assert_eq!(refused(&poll_after(&mut client, 0, &begun).await), "authorization_pending");
    assert_eq!(refused(&poll_after(&mut client, 4, &begun).await), "slow_down");
    assert_eq!(refused(&poll_after(&mut client, 9, &begun).await), "slow_down");
    assert_eq!(refused(&poll_after(&mut client, 15, &begun).await), "authorization_pending");
}

#[tokio::test]
async fn a_device_code_lasts_half_an_hour_and_belongs_to_its_client() {
    let mut client = AT_AUTHGATE.client();
    let begun = begin(&mut client).await;
    assert_eq!(poll(&mut client, text(&begun, "device_code"), "another").await.status, 401);
    assert_eq!(refused(&poll(&mut client, "made up", "cli-app").await), "invalid_grant");
    assert_eq!(refused(&poll_after(&mut client, 1800, &begun).await), "expired_token");
    let code = [("code", text(&begun, "user_code"))];
    assert_eq!(client.post("/device", &code).await.status, 400);
    let stranger = [("client_id", "another")];
    assert_eq!(client.post("/oauth/device/code", &stranger).await.status, 401);
}

#[tokio::test]
async fn a_user_code_is_accepted_in_any_case_and_without_its_hyphen() {
    let mut client = AT_AUTHGATE.client();
    let begun = begin(&mut client).await;
    let careless = text(&begun, "user_code").replace('-', "").to_lowercase();
    assert_eq!(client.post("/device", &[("code", &careless)]).await.status, 200);
    assert_eq!(client.post("/device", &[("code", "ZZZZ-0000")]).await.status, 400);
}

#[tokio::test]
async fn a_fault_can_end_polling() {
    let mut client = AT_AUTHGATE.client();
    let begun = begin(&mut client).await;
    client.misbehaves(Misbehaviour::PollExpired);
    assert_eq!(refused(&poll_after(&mut client, 5, &begun).await), "expired_token");
    client.provider.behave();
    client.misbehaves(Misbehaviour::PollUsed);
    assert_eq!(refused(&poll_after(&mut client, 5, &begun).await), "invalid_grant");
    client.provider.behave();
    client.misbehaves(Misbehaviour::CodeExpired);
    assert_eq!(refused(&poll_after(&mut client, 5, &begun).await), "expired_token");
}
