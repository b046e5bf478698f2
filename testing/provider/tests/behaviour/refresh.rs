//! Refresh tokens.

use latchstring_provider::Options;

use crate::client::{AT_AUTHGATE, AT_DEMO, AT_FIEF, AT_MOCK, AT_STYTCH, granted, refused, text};

fn rotating(rotates: bool) -> Options {
    Options { rotates_refresh_tokens: Some(rotates), ..Options::default() }
}

#[tokio::test]
async fn a_replaced_refresh_token_is_refused_and_may_end_the_session() {
    for (site, ends_session) in [
        (&AT_DEMO, true),
        (&AT_AUTHGATE, true),
        (&AT_FIEF, false),
        (&AT_STYTCH, false),
        (&AT_MOCK, false),
    ] {
        let mut client = site.client_of(rotating(true));
        let other = client.log_in(&[]).await;
        let first = client.log_in(&[]).await;
        let second = granted(&client.refresh(&first, &[]).await);
        assert_ne!(second["refresh_token"], first["refresh_token"]);
        // Renewing one token does not end those before it.
        assert_eq!(client.userinfo(&first).await.status, 200);

        assert_eq!(refused(&client.refresh(&first, &[]).await), "invalid_grant");
        let status = if ends_session { 401 } else { 200 };
        for tokens in [&first, &second] {
            assert_eq!(client.userinfo(tokens).await.status, status, "{}", site.token);
        }
        let page = client.refresh(&second, &[]).await;
        assert_eq!(page.status == 400, ends_session, "{}", site.token);
        granted(&client.refresh(&other, &[]).await);
    }
}

#[tokio::test]
async fn without_rotation_one_refresh_token_lasts() {
    for (site, repeats) in [(&AT_DEMO, false), (&AT_AUTHGATE, true), (&AT_MOCK, true)] {
        let mut client = site.client_of(rotating(false));
        let first = client.log_in(&[]).await;
        for _ in 0..2 {
            let renewed = granted(&client.refresh(&first, &[]).await);
            let next = renewed.get("refresh_token");
            assert_eq!(next, repeats.then_some(&first["refresh_token"]), "{}", site.token);
        }
    }
}

#[tokio::test]
async fn without_offline_access_there_is_no_refresh_token() {
    for site in [&AT_DEMO, &AT_FIEF, &AT_STYTCH] {
        let tokens = site.client().log_in(&[("scope", Some("openid"))]).await;
        assert!(tokens.get("refresh_token").is_none(), "{}", site.token);
    }
}

#[tokio::test]
async fn a_renewed_id_token_is_about_the_same_login() {
    for site in [&AT_DEMO, &AT_FIEF, &AT_STYTCH, &AT_MOCK] {
        let mut client = site.client();
        let first = client.log_in(&[]).await;
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
}

#[tokio::test]
async fn a_refresh_may_request_fewer_scopes_but_not_more() {
    let mut client = AT_DEMO.client();
    let scope = "openid offline_access";
    let tokens = client.log_in(&[("scope", Some(scope))]).await;

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
    let mut client = AT_DEMO.client();
    let resource = [("resource", Some("https://api.example/"))];
    let code = client.code(&resource).await;
    let tokens = granted(&client.redeem(&code, &resource).await);
    granted(&client.refresh(&tokens, &resource).await);
}
