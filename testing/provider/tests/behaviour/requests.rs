//! Authorization requests of clients that do not follow the rules.

use crate::client::refused;
use crate::client::{AT_AUTHGATE, AT_DEMO, AT_FIEF, AT_MOCK, AT_STYTCH, Changes, Redirect, SITES};

#[tokio::test]
async fn without_pkce_s256_no_login_page_is_shown() {
    let broken: [Changes<'_>; 4] = [
        &[("code_challenge", None), ("code_challenge_method", None)],
        &[("code_challenge_method", None)],
        &[("code_challenge_method", Some("plain"))],
        &[("code_challenge", Some("too-short"))],
    ];
    for site in SITES.iter().filter(|site| site.is_strict) {
        let mut client = site.client();
        for changes in broken {
            let redirect = Redirect::of(&client.open(changes).await);
            assert_eq!(redirect.parameter("error").unwrap(), "invalid_request");
            assert_eq!(redirect.parameter("state").unwrap(), "a state");
            assert!(redirect.parameter("code").is_none());
        }
    }
}

#[tokio::test]
async fn unsupported_requests_give_an_error_to_the_client() {
    for site in &SITES {
        let mut client = site.client();
        for (name, value, error) in [
            ("response_type", "token", "unsupported_response_type"),
            ("response_mode", "form_post", "invalid_request"),
            ("request", "a.b.c", "request_not_supported"),
            ("request_uri", "urn:x", "request_uri_not_supported"),
            ("prompt", "none", "login_required"),
            ("resource", "not absolute", "invalid_target"),
        ] {
            let redirect = Redirect::of(&client.open(&[(name, Some(value))]).await);
            assert_eq!(redirect.parameter("error").unwrap(), error, "{} {name}", site.authorize);
        }
    }
}

#[tokio::test]
async fn the_browser_is_never_redirected_to_an_unregistered_uri() {
    // Registered is `http://127.0.0.1/callback`, with any port.
    let any_port = [
        ("http://127.0.0.1:65535/callback", true),
        ("https://127.0.0.1:53682/callback", false),
        ("http://localhost:53682/callback", false),
        ("http://127.0.0.2:53682/callback", false),
        ("http://127.0.0.1.example/callback", false),
        ("http://127.0.0.1:53682/elsewhere", false),
        ("http://127.0.0.1:53682/callback/", false),
        ("http://127.0.0.1:53682/callback?to=x", false),
        ("http://127.0.0.1:53682@example.com/callback", false),
    ];
    let of_authgate = [
        ("http://localhost:8888/callback", true),
        ("http://127.0.0.1:8089/callback", false),
        ("http://localhost:8088/callback", false),
        ("http://127.0.0.1:8088/callback/", false),
        ("https://127.0.0.1:8088/callback", false),
    ];
    let of_fief = [
        ("http://localhost:51563/callback", false),
        ("http://127.0.0.1:51562/callback", false),
        ("http://localhost:51562/", false),
        ("http://localhost:51562/callback?a=b", false),
    ];
    let of_mock = [("https://elsewhere.example/", true), ("http://localhost:1/x?y=z", true)];
    for (site, uris) in [
        (&AT_DEMO, &any_port[..]),
        (&AT_DEMO, &[("http://[::1]:1024/callback", true)]),
        (&AT_STYTCH, &any_port),
        (&AT_STYTCH, &[("http://[::1]:1024/callback", false)]),
        (&AT_AUTHGATE, &of_authgate),
        (&AT_FIEF, &of_fief),
        (&AT_MOCK, &of_mock),
    ] {
        let mut client = site.client();
        for &(uri, is_registered) in uris {
            let changes = [("redirect_uri", Some(uri))];
            let status = if is_registered { 200 } else { 400 };
            assert_eq!(client.open(&changes).await.status, status, "{} {uri}", site.authorize);
            let url = client.authorization_url(&changes);
            let page = client.browser.post(&url, &[("decision", "refuse")]).await.unwrap();
            assert_eq!(page.header("location").is_some(), is_registered, "{uri}");
        }
    }
}

#[tokio::test]
async fn the_browser_is_never_redirected_for_an_unknown_client() {
    for site in SITES.iter().filter(|site| site.is_strict) {
        let mut client = site.client();
        for changes in [
            [("client_id", None)],
            [("client_id", Some("somebody else"))],
            [("redirect_uri", None)],
        ] {
            let page = client.open(&changes).await;
            assert_eq!(page.status, 400, "{} {changes:?}", site.authorize);
            assert!(page.header("location").is_none());
        }
    }
}

#[tokio::test]
async fn a_parameter_must_not_repeat() {
    for site in SITES.iter().filter(|site| !site.is_json) {
        let mut client = site.client();
        let url = client.authorization_url(&[]) + "&nonce=another";
        let redirect = Redirect::of(&client.browser.get(&url).await.unwrap());
        assert_eq!(redirect.parameter("error").unwrap(), "invalid_request");

        let url = client.authorization_url(&[]) + "&redirect_uri=http%3A%2F%2F127.0.0.1%2Fcallback";
        assert_eq!(client.browser.get(&url).await.unwrap().status, 400);

        let code = client.code(&[]).await;
        let twice = [("grant_type", "authorization_code"), ("code", &code), ("code", &code)];
        assert_eq!(refused(&client.post(site.token, &twice).await), "invalid_request");
    }
}

#[tokio::test]
async fn a_state_that_was_not_sent_is_not_returned() {
    for site in &SITES {
        let redirect = site.client().decide(&[("state", None)], "login").await;
        assert!(redirect.parameter("code").is_some());
        assert!(redirect.parameter("state").is_none());
    }
}

#[tokio::test]
async fn a_login_without_a_name_shows_the_page_again() {
    for site in &SITES {
        let mut client = site.client();
        let url = client.authorization_url(&[]);
        let page = client.browser.post(&url, &[("name", "  "), ("decision", "login")]).await;
        let page = page.unwrap();
        assert_eq!(page.status, 200);
        assert!(page.body.contains("<form"));
    }
}

#[tokio::test]
async fn nothing_a_client_sends_becomes_markup() {
    let hostile = r#""><script>alert('x')</script>&"#;
    for site in &SITES {
        let mut client = site.client();
        for name in ["client_id", "redirect_uri", "login_hint", "state", "scope"] {
            let page = client.open(&[(name, Some(hostile))]).await;
            assert!(!page.body.contains("<script"), "{name}");
            assert!(!page.body.contains("alert('x')"), "{name}");
            // Fief requires a scope, and tells the client so.
            if page.status != 303 {
                let policy = page.header("content-security-policy").unwrap();
                assert!(policy.starts_with("default-src 'none'"));
            }
        }
    }
}
