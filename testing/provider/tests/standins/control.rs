//! Control of a stand-in from another process.

use latchstring_provider::standins::{Misbehaviour, System};

use crate::client::{Client, granted, json, text};

#[tokio::test]
async fn the_log_has_names_and_no_values() {
    let mut client = Client::new(System::Stytch);
    let path = "/v1/public/demo-project/oauth2/token";
    client.json(path, &serde_json::json!({ "client_id": "secret", "code": "secret" })).await;
    client.form(path, &[("grant_type", "secret")]).await;
    client.get("/oauth/authorize?scope=secret").await;
    client.bearer("/api/resources", "secret").await;

    let log = client.standin.log();
    let parameters: Vec<_> = log.iter().map(|seen| seen.parameters.join(" ")).collect();
    assert_eq!(parameters, ["client_id code", "grant_type", "scope", ""]);
    assert_eq!(log[0].content_type.as_deref(), Some("application/json"));
    assert!(log[3].headers.iter().any(|name| name == "authorization"));
    assert_eq!((log[3].method.as_str(), log[3].path.as_str()), ("GET", "/api/resources"));

    let page = client.get("/standin/log").await;
    assert!(!page.body.contains("secret"));
    let listed = json(&page);
    assert_eq!(listed.as_array().unwrap().len(), 4);
    assert_eq!(listed[0]["parameters"], serde_json::json!(["client_id", "code"]));
    assert_eq!(client.standin.log().len(), 4);
}

#[tokio::test]
async fn a_stand_in_misbehaves_and_behaves_on_request() {
    let mut client = Client::new(System::Fief);
    let discovery = "/.well-known/openid-configuration";
    assert_eq!(client.form("/standin/misbehave?name=down", &[]).await.status, 204);
    assert_eq!(client.get(discovery).await.status, 503);
    assert_eq!(client.form("/standin/behave", &[]).await.status, 204);
    assert_eq!(client.get(discovery).await.status, 200);
}

#[tokio::test]
async fn an_inapplicable_misbehaviour_is_rejected() {
    let mut client = Client::new(System::Fief);
    for name in ["poll-used", "unheard-of", ""] {
        let path = format!("/standin/misbehave?name={name}");
        assert_eq!(client.form(&path, &[]).await.status, 400, "{name}");
    }
    assert!(client.standin.misbehave(Misbehaviour::PollExpired).is_err());
    assert_eq!(client.get("/standin/nothing").await.status, 404);
}

#[tokio::test]
async fn a_session_can_be_forged_and_revoked() {
    for (system, userinfo) in [
        (System::Authgate, "/oauth/userinfo"),
        (System::Stytch, "/api/resources"),
        (System::Fief, "/api/userinfo"),
        (System::Mock, "/default/userinfo"),
    ] {
        let mut client = Client::new(system);
        let path = "/standin/session?name=Grace%20Hopper&scope=profile";
        let session = granted(&client.form(path, &[]).await);
        assert_eq!(session["scope"], "profile");
        assert_eq!(session["expires_in"], 3600);
        let access_token = text(&session, "access_token");
        granted(&client.bearer(userinfo, access_token).await);
        assert_eq!(client.form("/standin/revoke-all", &[]).await.status, 204);
        assert_eq!(client.bearer(userinfo, access_token).await.status, 401, "{system}");
    }
}

#[tokio::test]
async fn every_misbehaviour_and_system_parses_from_its_name() {
    for misbehaviour in Misbehaviour::ALL {
        assert_eq!(misbehaviour.name().parse(), Ok(misbehaviour));
        assert!(System::ALL.iter().any(|system| misbehaviour.concerns(*system)));
    }
    for system in System::ALL {
        assert_eq!(system.name().parse(), Ok(system));
    }
}
