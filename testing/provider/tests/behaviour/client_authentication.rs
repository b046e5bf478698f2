use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::Request;
use latchstring_provider::visitor::Page;
use latchstring_provider::{ClientAuthentication, Options};

use crate::client::{AT_DEMO, CODE_VERIFIER, Client, granted, json};

/// A secret with characters that form-encoding changes.
const SECRET: &str = "a secret: 100%";

async fn redeem(client: &mut Client<'_>, basic: Option<&str>, post: Option<&str>) -> Page {
    let code = client.code(&[]).await;
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "authorization_code")
        .append_pair("client_id", "demo")
        .append_pair("code", &code)
        .append_pair("redirect_uri", AT_DEMO.redirect_uri)
        .append_pair("code_verifier", CODE_VERIFIER);
    if let Some(secret) = post {
        form.append_pair("client_secret", secret);
    }
    let mut request = Request::post(client.url("/token"))
        .header("content-type", "application/x-www-form-urlencoded");
    if let Some(secret) = basic {
        let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let credentials = STANDARD.encode(format!("demo:{encoded}"));
        request = request.header("authorization", format!("Basic {credentials}"));
    }
    let request = request.body(form.finish()).unwrap();
    client.browser.send(request).await.unwrap()
}

fn client_with(authentication: ClientAuthentication) -> Client<'static> {
    AT_DEMO.client_of(Options { authentication, ..Options::default() })
}

#[tokio::test]
async fn a_client_must_use_its_registered_method() {
    let (basic, post) = (
        ClientAuthentication::ClientSecretBasic(SECRET.into()),
        ClientAuthentication::ClientSecretPost(SECRET.into()),
    );
    let right = [
        (ClientAuthentication::None, None, None),
        (basic.clone(), Some(SECRET), None),
        (post.clone(), None, Some(SECRET)),
    ];
    for (method, in_header, in_body) in right {
        granted(&redeem(&mut client_with(method), in_header, in_body).await);
    }
    let wrong = [
        (ClientAuthentication::None, None, Some(SECRET)),
        (ClientAuthentication::None, Some(SECRET), None),
        (basic.clone(), None, None),
        (basic.clone(), None, Some(SECRET)),
        (basic, Some("another"), None),
        (post.clone(), None, None),
        (post.clone(), Some(SECRET), None),
        (post, None, Some("another")),
    ];
    for (method, in_header, in_body) in wrong {
        let name = method.name();
        let page = redeem(&mut client_with(method), in_header, in_body).await;
        assert_eq!(page.status, 401, "{name} {in_header:?} {in_body:?}");
        assert_eq!(json(&page)["error"], "invalid_client");
        assert!(page.header("www-authenticate").is_some());
    }
}

#[tokio::test]
async fn two_methods_at_once_are_rejected() {
    let method = ClientAuthentication::ClientSecretBasic(SECRET.into());
    let page = redeem(&mut client_with(method), Some(SECRET), Some(SECRET)).await;
    assert_eq!(json(&page)["error"], "invalid_request");
}

#[tokio::test]
async fn an_unknown_client_cannot_revoke() {
    let mut client = AT_DEMO.client();
    let tokens = client.log_in(&[]).await;
    let token = tokens["refresh_token"].as_str().unwrap();
    let form = [("client_id", "somebody else"), ("token", token)];
    assert_eq!(client.post("/revoke", &form).await.status, 401);
    granted(&client.refresh(&tokens, &[]).await);
}
