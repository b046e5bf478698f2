use latchstring_provider::Fault;
use latchstring_provider::visitor::Visitor;

use crate::client::AT_DEMO;
use crate::listener::Listener;

fn refusing() -> Visitor {
    Visitor { refuses: true, ..Visitor::default() }
}

#[tokio::test]
async fn a_visitor_follows_the_link_that_cancels() {
    let client = AT_DEMO.client();
    let listener = Listener::thanking();
    let target = listener.url("/cancelled");
    let page = format!(r#"<form><button>Go on</button></form><a href="{target}">[ Cancel ]</a>"#);
    client.provider.misbehave(Fault::answer("/start", 200, "text/html", &page));
    refusing().visit(&client.url("/start")).await.unwrap();
    assert!(listener.heard()[0].starts_with("GET /cancelled "));
}

#[tokio::test]
async fn a_visitor_fills_in_what_a_form_asks() {
    let client = AT_DEMO.client();
    let form = r#"
        <form action="/submitted" method="POST">
          <input type="hidden" name="prompt" value="login">
          <input name="login"><input type="password" name="password">
          <input name="note" value="kept"><input name="off" disabled>
          <input type="checkbox" name="ticked" checked><input type="checkbox" name="open">
          <button name="way" value="back">Cancel</button>
          <button type="button" name="way" value="aside">Help</button>
          <button name="way" value="on">Sign in</button>
        </form>
        <form><button>Another form</button></form>"#;
    client.provider.misbehave(Fault::answer("/start", 200, "text/html", form));
    let page = Visitor::default().visit(&client.url("/start")).await.unwrap();
    assert_eq!(page.url.path(), "/submitted");

    let log = client.provider.log();
    let parameters = &log.last().unwrap().parameters;
    let parameters = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let expected = [
        ("prompt", "login"),
        ("login", "Ada Lovelace"),
        ("password", "open sesame"),
        ("note", "kept"),
        ("ticked", "on"),
        ("way", "on"),
    ];
    assert_eq!(parameters.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_visitor_sends_a_cookie_only_to_its_site() {
    let listener = Listener::answering(&[
        "HTTP/1.1 302 Found\r\nlocation: /inside/a\r\nset-cookie: here=1; Path=/inside\r\n\
         set-cookie: everywhere=2; Path=/\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 303 See Other\r\nlocation: /outside\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    ]);
    Visitor::default().visit(&listener.url("/")).await.unwrap();
    let heard = listener.heard();
    assert!(!heard[0].contains("cookie:"));
    assert!(heard[1].contains("here=1") && heard[1].contains("everywhere=2"));
    assert!(!heard[2].contains("here=1") && heard[2].contains("everywhere=2"));
}

#[tokio::test]
async fn a_visit_that_fails_reports_the_reason() {
    let client = AT_DEMO.client();
    let circle = r#"<form action="/start"><button>Again</button></form>"#;
    client.provider.misbehave(Fault::answer("/start", 200, "text/html", circle));
    let url = client.url("/start");
    let lost = Visitor::default().visit(&url).await.unwrap_err();
    assert!(lost.to_string().contains("still a form"));
    let lost = refusing().visit(&client.url("/nothing")).await.unwrap_err();
    assert!(lost.to_string().contains("refuse"));
    assert!(Visitor::default().visit("https://127.0.0.1/").await.is_err());
}
