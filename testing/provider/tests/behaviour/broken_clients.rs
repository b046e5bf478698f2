use hyper::Request;

use crate::client::{Client, REDIRECT_URI, Redirect, refused};

#[tokio::test]
async fn without_pkce_s256_no_login_page_is_shown() {
    let mut client = Client::new();
    let broken: [&[(&str, Option<&str>)]; 4] = [
        &[("code_challenge", None), ("code_challenge_method", None)],
        &[("code_challenge_method", None)],
        &[("code_challenge_method", Some("plain"))],
        &[("code_challenge", Some("too-short"))],
    ];
    for changes in broken {
        let page = client.browser.get(&client.authorization_url(changes)).await;
        let redirect = Redirect::of(&page.unwrap());
        assert_eq!(redirect.parameter("error").unwrap(), "invalid_request");
        assert_eq!(redirect.parameter("state").unwrap(), "a state");
        assert_eq!(redirect.parameter("iss").unwrap(), client.provider.issuer());
        assert!(redirect.parameter("code").is_none());
    }
}

#[tokio::test]
async fn unsupported_requests_give_an_error_to_the_client() {
    let mut client = Client::new();
    let unsupported = [
        ("response_type", "token", "unsupported_response_type"),
        ("response_mode", "form_post", "invalid_request"),
        ("request", "a.b.c", "request_not_supported"),
        ("request_uri", "urn:x", "request_uri_not_supported"),
        ("prompt", "none", "login_required"),
        ("resource", "not absolute", "invalid_target"),
    ];
    for (name, value, error) in unsupported {
        let url = client.authorization_url(&[(name, Some(value))]);
        let redirect = Redirect::of(&client.browser.get(&url).await.unwrap());
        assert_eq!(redirect.parameter("error").unwrap(), error, "{name}");
    }
}

#[tokio::test]
async fn the_browser_is_never_redirected_to_an_unregistered_uri() {
    let mut client = Client::new();
    let broken = [
        ("client_id", None),
        ("client_id", Some("somebody else")),
        ("redirect_uri", None),
        ("redirect_uri", Some("https://127.0.0.1:53682/callback")),
        ("redirect_uri", Some("http://localhost:53682/callback")),
        ("redirect_uri", Some("http://127.0.0.1.example/callback")),
        ("redirect_uri", Some("http://127.0.0.1:53682/elsewhere")),
        ("redirect_uri", Some("http://127.0.0.1:53682/callback?to=x")),
        ("redirect_uri", Some("http://127.0.0.1:53682@example.com/callback")),
    ];
    for (name, value) in broken {
        let url = client.authorization_url(&[(name, value)]);
        for page in [
            client.browser.get(&url).await.unwrap(),
            client.browser.post(&url, &[("decision", "refuse")]).await.unwrap(),
        ] {
            assert_eq!(page.status, 400, "{name} {value:?}");
            assert!(page.header("location").is_none());
        }
    }
}

#[tokio::test]
async fn both_loopback_literals_are_accepted_with_any_port() {
    let mut client = Client::new();
    for redirect_uri in ["http://[::1]:1024/callback", "http://127.0.0.1:65535/callback"] {
        let redirect = client.decide(&[("redirect_uri", Some(redirect_uri))], "login").await;
        assert_eq!(redirect.to(), redirect_uri);
    }
}

#[tokio::test]
async fn a_parameter_must_not_repeat() {
    let mut client = Client::new();
    let url = client.authorization_url(&[]) + "&nonce=another";
    let redirect = Redirect::of(&client.browser.get(&url).await.unwrap());
    assert_eq!(redirect.parameter("error").unwrap(), "invalid_request");

    let url = client.authorization_url(&[]) + "&redirect_uri=http%3A%2F%2F127.0.0.1%2Fcallback";
    assert_eq!(client.browser.get(&url).await.unwrap().status, 400);

    let code = client.code(&[]).await;
    let twice = [
        ("grant_type", "authorization_code"),
        ("client_id", "demo"),
        ("code", &code),
        ("code", &code),
        ("redirect_uri", REDIRECT_URI),
    ];
    assert_eq!(refused(&client.post("/token", &twice).await), "invalid_request");
}

#[tokio::test]
async fn the_token_endpoint_takes_posted_forms_only() {
    let mut client = Client::new();
    let page = client.get("/token?grant_type=refresh_token").await;
    assert_eq!(page.status, 405);
    assert_eq!(page.header("allow"), Some("POST"));

    let request = Request::post(client.url("/token"))
        .header("content-type", "application/json")
        .body(r#"{"grant_type":"refresh_token","client_id":"demo"}"#.to_owned());
    let page = client.browser.send(request.unwrap()).await.unwrap();
    assert_eq!(refused(&page), "invalid_request");
}

#[tokio::test]
async fn a_token_request_needs_every_part() {
    let mut client = Client::new();
    for name in ["grant_type", "code", "redirect_uri", "code_verifier"] {
        let code = client.code(&[]).await;
        let page = client.redeem(&code, &[(name, None)]).await;
        assert_eq!(refused(&page), "invalid_request", "{name}");
    }
    let code = client.code(&[]).await;
    let password = [("grant_type", Some("password"))];
    let page = client.redeem(&code, &password).await;
    assert_eq!(refused(&page), "unsupported_grant_type");
}

#[tokio::test]
async fn nothing_a_client_sends_becomes_markup() {
    let mut client = Client::new();
    let hostile = r#""><script>alert('x')</script>&"#;
    for name in ["client_id", "redirect_uri", "login_hint", "state", "scope"] {
        let url = client.authorization_url(&[(name, Some(hostile))]);
        let page = client.browser.get(&url).await.unwrap();
        assert!(!page.body.contains("<script"), "{name}");
        assert!(!page.body.contains("alert('x')"), "{name}");
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'"));
    }
}
