//! Simulated users on the pages of each stand-in.

use latchstring_provider::visitor::Visitor;
use latchstring_standins::{Options, System};
use serde_json::json;

use crate::client::Client;
use crate::hexclave::{begin, poll};
use crate::listener::Listener;

const REDIRECTING: [(System, &str); 4] = [
    (System::Authgate, "/oauth/authorize"),
    (System::Stytch, "/oauth/authorize"),
    (System::Fief, "/authorize"),
    (System::Mock, "/default/authorize"),
];

/// The request that the client receives after a visitor was at its authorization URL.
async fn heard_after(visitor: &Visitor, system: System, path: &str) -> String {
    let listener = Listener::thanking();
    let redirect_uri = listener.redirect_uri();
    let options = Options { redirect_uris: vec![redirect_uri.clone()], ..Options::default() };
    let client = Client::of(system, options);
    let url = client.authorization_url(path, &redirect_uri, "openid", &[]);
    let page = visitor.visit(&url).await.unwrap();
    assert_eq!(page.body, "thanks", "{system}");
    listener.heard()
}

#[tokio::test]
async fn a_visitor_logs_in_and_sees_the_clients_page() {
    for (system, path) in REDIRECTING {
        let heard = heard_after(&Visitor::default(), system, path).await;
        assert!(heard.starts_with("GET /callback?code="), "{system}");
        assert!(heard.contains("state=a+state"), "{system}");
    }
}

#[tokio::test]
async fn a_visitor_who_refuses_sees_the_clients_page_too() {
    let visitor = Visitor { refuses: true, ..Visitor::default() };
    // The mock has no consent page.
    for (system, path) in REDIRECTING.into_iter().filter(|(system, _)| *system != System::Mock) {
        let heard = heard_after(&visitor, system, path).await;
        assert!(heard.starts_with("GET /callback?error=access_denied"), "{system}");
    }
}

#[tokio::test]
async fn a_visitor_confirms_a_command_line_or_leaves_it_waiting() {
    let mut client = Client::new(System::Hexclave);
    for (refuses, title, status) in
        [(true, "CLI Authorization Cancelled", 200), (false, "CLI Authorization Successful", 201)]
    {
        let begun = begin(&mut client, &json!({})).await;
        let login_code = begun["login_code"].as_str().unwrap();
        let url = client.url(&format!("/handler/cli-auth-confirm?login_code={login_code}"));
        let visitor = Visitor { refuses, ..Visitor::default() };
        let page = visitor.visit(&url).await.unwrap();
        assert!(page.body.contains(title));
        assert_eq!(poll(&mut client, &begun).await.status, status);
    }
}
