//! Access tokens, and what ends them.

use crate::client::{AT_AUTHGATE, AT_DEMO, AT_MOCK, AT_STYTCH, SITES, granted, refused};

#[tokio::test]
async fn revoking_a_refresh_token_revokes_its_whole_login() {
    for site in SITES.iter().filter(|site| site.revoke.is_some()) {
        let mut client = site.client();
        let tokens = client.log_in(&[]).await;
        let token = tokens["refresh_token"].as_str().unwrap();
        let hint = ("token_type_hint", "refresh_token");
        let form = [("client_id", site.client_id), ("token", token), hint];
        assert_eq!(client.call(site.revoke.unwrap(), &form).await.status, 200);
        assert_eq!(client.userinfo(&tokens).await.status, 401, "{}", site.userinfo);
        assert_eq!(refused(&client.refresh(&tokens, &[]).await), "invalid_grant");

        let unknown = [form[0], ("token", "made up"), hint];
        assert_eq!(client.call(site.revoke.unwrap(), &unknown).await.status, 200);
        let page = client.call(site.revoke.unwrap(), &[form[0]]).await;
        assert_eq!(refused(&page), "invalid_request");
    }
}

#[tokio::test]
async fn revoking_an_access_token_revokes_only_that_token() {
    for site in [&AT_DEMO, &AT_AUTHGATE, &AT_STYTCH] {
        let mut client = site.client();
        let tokens = client.log_in(&[]).await;
        let token = tokens["access_token"].as_str().unwrap();
        let form = [("client_id", site.client_id), ("token", token)];
        assert_eq!(client.call(site.revoke.unwrap(), &form).await.status, 200);
        assert_eq!(client.userinfo(&tokens).await.status, 401);
        let renewed = granted(&client.refresh(&tokens, &[]).await);
        assert_eq!(client.userinfo(&renewed).await.status, 200);
    }
}

#[tokio::test]
async fn an_access_token_expires() {
    for site in &SITES {
        let mut client = site.client();
        let tokens = client.log_in(&[]).await;
        client.seconds_go_by(3599);
        assert_eq!(client.userinfo(&tokens).await.status, 200);
        client.seconds_go_by(1);
        let answer = client.userinfo(&tokens).await;
        assert_eq!(answer.status, 401);
        assert!(answer.header("www-authenticate").unwrap().contains("invalid_token"));
        let answer = client.get(site.userinfo).await;
        assert_eq!(answer.status, 401);
        assert!(!answer.header("www-authenticate").unwrap().contains("error"));
    }
}

#[tokio::test]
async fn some_systems_want_to_know_who_asks_about_a_token() {
    for (site, path, status) in [
        (&AT_DEMO, "/revoke", 401),
        (&AT_AUTHGATE, "/oauth/revoke", 200),
        (&AT_AUTHGATE, "/oauth/introspect", 401),
        (&AT_STYTCH, "/v1/public/demo-project/oauth2/revoke", 401),
        (&AT_MOCK, "/default/revoke", 200),
        (&AT_MOCK, "/default/introspect", 200),
    ] {
        let mut client = site.client();
        let tokens = client.log_in(&[]).await;
        let token = tokens["refresh_token"].as_str().unwrap();
        let hint = ("token_type_hint", "refresh_token");
        let page = client.call(path, &[("token", token), hint]).await;
        assert_eq!(page.status, status, "{path}");
        let stranger = [("client_id", "another"), ("token", token), hint];
        let accepts_any = site.dialect.name() == "mock";
        let page = client.call(path, &stranger).await;
        assert_eq!(page.status, if accepts_any { 200 } else { 401 }, "{path}");
    }
}
