//! Control of a stand-in from another process.

use latchstring_provider::Misbehaviour;
use latchstring_provider::dialects::{self, SYSTEMS};

use crate::client::{AT_FIEF, AT_STYTCH, SITES, granted, json, text};

#[tokio::test]
async fn the_log_has_names_and_no_values() {
    let mut client = AT_STYTCH.client();
    let path = "/v1/public/demo-project/oauth2/token";
    client.json(path, &serde_json::json!({ "client_id": "secret", "code": "secret" })).await;
    client.post(path, &[("grant_type", "secret")]).await;
    client.get("/oauth/authorize?scope=secret").await;
    client.bearer("/api/resources", "secret").await;

    let log = client.provider.log();
    assert_eq!(log[0].parameter("code"), Some("secret"));
    assert_eq!(log[3].header("authorization"), Some("Bearer secret"));
    assert_eq!((log[3].method.as_str(), log[3].path.as_str()), ("GET", "/api/resources"));

    let page = client.get("/standin/log").await;
    assert!(!page.body.contains("secret"));
    let listed = json(&page);
    assert_eq!(listed.as_array().unwrap().len(), 4);
    assert_eq!(listed[0]["parameters"], serde_json::json!(["client_id", "code"]));
    assert_eq!(client.provider.log().len(), 4);
}

#[tokio::test]
async fn a_stand_in_misbehaves_and_behaves_on_request() {
    let mut client = AT_FIEF.client();
    let discovery = "/.well-known/openid-configuration";
    assert_eq!(client.post("/standin/misbehave?name=down", &[]).await.status, 204);
    assert_eq!(client.get(discovery).await.status, 503);
    assert_eq!(client.post("/standin/behave", &[]).await.status, 204);
    assert_eq!(client.get(discovery).await.status, 200);
}

#[tokio::test]
async fn an_inapplicable_misbehaviour_is_rejected() {
    let mut client = AT_FIEF.client();
    for name in ["poll-used", "unheard-of", ""] {
        let path = format!("/standin/misbehave?name={name}");
        assert_eq!(client.post(&path, &[]).await.status, 400, "{name}");
    }
    assert!(client.provider.misbehave_as(Misbehaviour::PollExpired).is_err());
    assert_eq!(client.get("/standin/nothing").await.status, 404);
}

#[tokio::test]
async fn a_session_can_be_forged_and_revoked() {
    for site in &SITES {
        let mut client = site.client();
        let path = "/standin/session?name=Grace%20Hopper&scope=openid";
        let session = granted(&client.post(path, &[]).await);
        assert_eq!(session["scope"], "openid");
        assert_eq!(session["expires_in"], 3600);
        let access_token = text(&session, "access_token");
        granted(&client.bearer(site.userinfo, access_token).await);
        assert_eq!(client.post("/standin/revoke-all", &[]).await.status, 204);
        assert_eq!(client.bearer(site.userinfo, access_token).await.status, 401, "{}", site.token);
    }
}

#[test]
fn every_misbehaviour_and_system_parses_from_its_name() {
    for misbehaviour in Misbehaviour::ALL {
        assert_eq!(misbehaviour.name().parse(), Ok(misbehaviour));
        assert!(SYSTEMS.iter().any(|dialect| dialect.has(misbehaviour)));
    }
    for dialect in SYSTEMS {
        assert_eq!(dialects::system(dialect.name()).unwrap().name(), dialect.name());
    }
}
