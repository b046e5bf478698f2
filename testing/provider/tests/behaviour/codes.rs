//! Codes, and the proof that a token request has to bring, at every system.

use crate::client::{AT_DEMO, SITES, WRONG_VERIFIER, granted, refused};

#[tokio::test]
async fn a_code_used_twice_ends_what_it_granted() {
    for site in &SITES {
        let mut client = site.client();
        let code = client.code(&[]).await;
        let tokens = granted(&client.redeem(&code, &[]).await);
        assert_eq!(client.userinfo(&tokens).await.status, 200, "{}", site.token);
        assert_eq!(refused(&client.redeem(&code, &[]).await), "invalid_grant");
        assert_eq!(client.userinfo(&tokens).await.status, 401, "{}", site.token);
    }
}

#[tokio::test]
async fn a_code_is_valid_for_a_minute() {
    for site in &SITES {
        let mut client = site.client();
        let (early, late) = (client.code(&[]).await, client.code(&[]).await);
        client.seconds_go_by(59);
        granted(&client.redeem(&early, &[]).await);
        client.seconds_go_by(1);
        assert_eq!(refused(&client.redeem(&late, &[]).await), "invalid_grant");
    }
}

#[tokio::test]
async fn a_code_needs_its_verifier_and_redirect_uri_and_a_wrong_one_uses_it_up() {
    for site in &SITES {
        let mut client = site.client();
        for (name, value) in [
            ("code_verifier", WRONG_VERIFIER),
            ("redirect_uri", "http://127.0.0.1:53683/callback"),
            ("redirect_uri", "http://127.0.0.1:53682/callback/"),
        ] {
            if name == "redirect_uri" && !site.is_strict {
                continue;
            }
            let code = client.code(&[]).await;
            let answer = client.redeem(&code, &[(name, Some(value))]).await;
            assert_eq!(refused(&answer), "invalid_grant", "{} {name} {value}", site.token);
            assert_eq!(refused(&client.redeem(&code, &[]).await), "invalid_grant");
        }
        assert_eq!(refused(&client.redeem("made up", &[]).await), "invalid_grant");
    }
}

#[tokio::test]
async fn a_code_belongs_to_its_client() {
    for site in &SITES {
        let mut client = site.client();
        let code = client.code(&[]).await;
        let answer = client.redeem(&code, &[("client_id", Some("another"))]).await;
        let error = if site.is_strict { "invalid_client" } else { "invalid_grant" };
        assert_eq!(refused(&answer), error, "{}", site.token);
        let answer = client.redeem(&code, &[("client_id", None)]).await;
        assert_eq!(refused(&answer), "invalid_client", "{}", site.token);
    }
}

#[tokio::test]
async fn a_token_request_needs_every_part() {
    let mut client = AT_DEMO.client();
    for name in ["grant_type", "code", "redirect_uri", "code_verifier"] {
        let code = client.code(&[]).await;
        let page = client.redeem(&code, &[(name, None)]).await;
        assert_eq!(refused(&page), "invalid_request", "{name}");
    }
    let code = client.code(&[]).await;
    let page = client.redeem(&code, &[("grant_type", Some("password"))]).await;
    assert_eq!(refused(&page), "unsupported_grant_type");
}

#[tokio::test]
async fn the_token_endpoint_takes_one_format_only() {
    for site in &SITES {
        let mut client = site.client();
        assert_eq!(client.get(site.token).await.status, 405, "{}", site.token);
        let parameters = [("grant_type", "refresh_token"), ("client_id", site.client_id)];
        let page = if site.is_json {
            client.post(site.token, &parameters).await
        } else {
            client.json(site.token, &serde_json::json!(parameters)).await
        };
        assert_eq!(refused(&page), "invalid_request", "{}", site.token);
    }
}
