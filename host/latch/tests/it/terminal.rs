//! A user at a terminal is offered another way where the first one fails.
#![cfg(unix)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::thread;

use latchstring_provider::visitor::{Browser, Visitor};
use latchstring_testing::servers::Server;
use latchstring_testing::tty::Tty;
use latchstring_testing::{Home, SCOPES, block_on};

/// The address in the line that begins with it.
pub(crate) fn address(screen: &str) -> String {
    let line = screen.lines().find_map(|line| line.strip_prefix("  http")).expect("an address");
    format!("http{}", line.trim())
}

/// The code in its line.
fn code(screen: &str) -> String {
    let line = screen.lines().find_map(|line| line.strip_prefix("    ")).expect("a code");
    line.trim().to_owned()
}

/// A browser elsewhere logs in, and nothing answers where it ends: its last
/// address.
fn last_address(port: &TcpListener, url: &str) -> String {
    let port = port.try_clone().expect("one more handle");
    let at = port.local_addr().expect("an address");
    let ending = thread::spawn(move || {
        loop {
            let (mut stream, _) = port.accept().expect("a browser");
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).expect("a request");
            let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
            // The port may have been that of another test, whose browser comes late.
            if let Some(target) = line.split(' ').nth(1).filter(|target| target.contains("code=")) {
                return target.to_owned();
            }
        }
    });
    // What it finds in the end is no page of anybody's.
    let _ = block_on(Visitor::default().visit(url));
    format!("http://{at}{}", ending.join().expect("a target"))
}

#[test]
fn where_no_port_is_free_the_user_brings_the_address_back() {
    let home = Home::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let words = ["login", "--issuer", home.provider.issuer(), "--client-id", "demo"];
    let more = ["--scope", SCOPES[0], "--port", &port, "--plain"];
    let mut command = home.command(&[&words[..], &more].concat());
    command.env("DISPLAY", ":9");
    let mut tty = Tty::start(command);
    let url = address(&tty.until("paste it here"));
    assert!(tty.until("paste it here").contains("taken") || tty.until("port").contains(&port));
    for wrong in [url.as_str(), "c0de"] {
        tty.clear();
        tty.types(wrong);
        // Only from here on nothing that is typed is shown.
        let screen = tty.until("Paste the whole address");
        assert!(screen.contains("does not finish the login"), "{screen}");
    }
    let pasted = last_address(&taken, &url);
    tty.types(&pasted);
    let run = tty.finish();
    assert_eq!(run.code, 0, "{}", run.stderr);
    let code = pasted.split("code=").nth(1).expect("a code").split('&').next().expect("a code");
    assert!(!run.stderr.contains(code), "what was pasted is shown: {}", run.stderr);
    home.token(&[]);
}

#[test]
fn whoever_is_late_may_go_on_with_a_code() {
    // A pushed request would be refused before any browser: this client has codes only.
    let features = r#"{"pushedAuthorizationRequests":{"enabled":false}}"#;
    let server = Server::oidc_provider_with_features(features);
    let home = Home::new();
    let words = ["login", "--issuer", server.issuer(), "--client-id", "device"];
    let more = ["--scope", "openid", "--timeout", "20", "--browser", "true", "--plain"];
    let mut command = home.command(&[&words[..], &more].concat());
    command.env_remove("LATCH_TIMEOUT");
    let mut tty = Tty::start(command);
    tty.until("The login was not finished in the browser in time.");
    tty.until("Press Enter to use the browser of this machine.");
    tty.until("device   to use a code");
    tty.clear();
    tty.types("later");
    tty.until("Press Enter");
    tty.clear();
    tty.types(" Device ");
    let screen = tty.until("Only enter a code");
    let address = format!("{}?user_code={}", address(&screen), code(&screen));
    block_on(Visitor::default().visit(&address)).expect("the last page");
    let run = tty.finish();
    assert_eq!(run.code, 0, "{}", run.stderr);
    home.token(&[]);
}

#[test]
fn a_provider_without_device_login_leads_to_the_next_way() {
    let home = Home::new();
    let words = ["login", "--issuer", home.provider.issuer(), "--client-id", "demo"];
    let more = ["--scope", SCOPES[0], "--flow", "device", "--plain"];
    let mut tty = Tty::start(home.command(&[&words[..], &more].concat()));
    let screen = tty.until("Press Enter to use any browser and paste the address it ends on.");
    assert!(screen.contains("no device login"), "{screen}");
    tty.clear();
    tty.types("");
    tty.until("paste it here");
    assert!(!tty.until("paste it here").contains("Or type"));
    tty.types("?");
    tty.until("does not finish the login");
}

#[test]
fn an_answer_in_another_browser_is_finished_by_paste_at_once() {
    let home = Home::new();
    let words = ["login", "--issuer", home.provider.issuer(), "--client-id", "demo"];
    let more = ["--scope", "openid", "--browser", "true", "--plain"];
    let mut tty = Tty::start(home.command(&[&words[..], &more].concat()));
    let url = address(&tty.until("waiting for the login in the browser"));
    let mut first = Browser::default();
    let page = block_on(first.get(&url)).expect("a way on");
    let provider = page.header("location").expect("the provider");
    let form = [("name", "Ada Lovelace"), ("decision", "login")];
    let page = block_on(first.post(provider, &form)).expect("an answer");
    let answer = page.header("location").expect("the way back");

    let second = block_on(Browser::default().get(answer)).expect("a page");
    assert_eq!(second.status, 403);
    assert!(second.body.contains("paste it in your terminal"), "{}", second.body);
    assert!(tty.until("paste it here").contains("a different browser from the one it started in"));
    tty.types(answer);
    let run = tty.finish();
    assert_eq!(run.code, 0, "{}", run.stderr);
}

#[test]
fn in_an_editors_terminal_a_paste_may_come_from_the_beginning() {
    let home = Home::new();
    let words = ["login", "--issuer", home.provider.issuer(), "--client-id", "demo"];
    for pastes in [true, false] {
        let mut command = home.command(&[&words[..], &["--scope", "openid", "--plain"]].concat());
        command.env("CODESPACES", "true").env("BROWSER", "true");
        let mut tty = Tty::start(command);
        let url = address(&tty.until("paste it here"));
        assert!(url.contains("/latchstring/start?ticket="), "{url}");
        if pastes {
            tty.types("http://127.0.0.1/callback?code=a&state=b");
            tty.until("Paste the whole address");
        }
        // The browser still counts.
        block_on(Visitor::default().visit(&url)).expect("the last page");
        let run = tty.finish();
        assert_eq!(run.code, 0, "{}", run.stderr);
    }
}
