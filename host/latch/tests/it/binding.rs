//! A login belongs to the browser that began it.
#![cfg(unix)]

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Instant;

use latchstring_provider::visitor::{Browser, Visitor};
use latchstring_testing::http::get;
use latchstring_testing::{Home, PATIENCE, Pending, block_on};
use url::Url;

/// A login whose browser only writes down what it was given.
struct Begun {
    login: Pending,
    note: PathBuf,
}

impl Begun {
    fn new(home: &Home) -> Self {
        let note = home.path("note");
        let script = format!("printf %s \"$1\" > {}.part; mv {0}.part {0}", note.display());
        let browser = shlex::try_join(["sh", "-c", &script, "sh"]).expect("words");
        let words = ["login", "--issuer", home.provider.issuer(), "--client-id", "demo"];
        let scopes = ["--scope", "openid", "--scope", "profile", "--browser", &browser];
        let mut command: Command = home.command(&[&words[..], &scopes].concat());
        Self { login: Pending::start(&mut command), note }
    }

    /// What stood on the browser's command line.
    fn opened(&self) -> Url {
        let begun = Instant::now();
        loop {
            if let Ok(text) = fs::read_to_string(&self.note) {
                return Url::parse(&text).expect("an address");
            }
            assert!(begun.elapsed() < PATIENCE, "no browser was started");
            thread::yield_now();
        }
    }
}

#[test]
fn the_browsers_command_line_tells_nobody_how_to_log_in() {
    let home = Home::new();
    let begun = Begun::new(&home);
    for address in [begun.opened(), begun.login.url.clone()] {
        assert_eq!(address.path(), "/latchstring/start");
        assert!(!address.as_str().contains("state=") && !address.as_str().contains("challenge"));
    }
    // The one that others can read works once, the one on the terminal is another.
    assert_ne!(begun.opened(), begun.login.url);
    block_on(Visitor::default().visit(begun.opened().as_str())).expect("the last page");
    begun.login.finish().succeeded();
}

#[test]
fn the_printed_address_opens_in_any_browser_of_this_machine() {
    let home = Home::new();
    let begun = Begun::new(&home);
    // The browser that was started got there first, and was closed again.
    let first = get(&begun.opened());
    assert_eq!(first.status, 303);
    begun.login.visit();
    begun.login.finish().succeeded();
}

#[test]
fn the_right_answer_from_another_browser_does_not_count() {
    let home = Home::new();
    let begun = Begun::new(&home);
    let mut user = Browser::default();
    let page = block_on(user.get(begun.opened().as_str())).expect("a way on");
    let provider = page.header("location").expect("the provider").to_owned();
    let form = [("name", "Ada Lovelace"), ("decision", "login")];
    let page = block_on(user.post(&provider, &form)).expect("an answer");
    let answer = page.header("location").expect("the way back").to_owned();

    let stranger = get(&Url::parse(&answer).expect("an address"));
    assert_eq!(stranger.status, 403);
    assert!(
        stranger.body.contains("This is not the browser that started the login"),
        "{}",
        stranger.body
    );
    assert!(home.asked("/token").is_empty());

    let page = block_on(user.get(&answer)).expect("a way on");
    // Neither the code nor the cookie stays in the browser.
    assert_eq!(page.header("location"), Some("/latchstring/end?done"));
    assert!(page.header("set-cookie").is_some_and(|cookie| cookie.contains("Max-Age=0")));
    let end = Url::parse(&answer).and_then(|url| url.join("/latchstring/end?done"));
    let page = block_on(user.get(end.expect("an address").as_str())).expect("the last page");
    assert!(page.body.contains("You are logged in"), "{}", page.body);
    begun.login.finish().succeeded();
}

#[test]
fn an_address_that_somebody_took_first_lets_neither_in() {
    let home = Home::new();
    let begun = Begun::new(&home);
    let mut thief = Browser::default();
    let page = block_on(thief.get(begun.opened().as_str())).expect("a way on");
    let provider = page.header("location").expect("the provider").to_owned();

    let user = get(&begun.opened());
    assert_eq!(user.status, 410);
    assert!(user.body.contains("This address has already been used"), "{}", user.body);

    let form = [("name", "Mallory"), ("decision", "login")];
    let page = block_on(thief.post(&provider, &form)).expect("an answer");
    let answer = page.header("location").expect("the way back").to_owned();
    let page = block_on(thief.get(&answer)).expect("a page");
    assert_eq!(page.status, 403);
    assert!(home.asked("/token").is_empty());

    // What stands on the terminal still works.
    begun.login.visit();
    begun.login.finish().succeeded().saying(&["opened twice", "Press Enter for a new one"]);
    assert_eq!(home.latch(&["whoami", "--json"]).json()["name"], "Ada Lovelace");
}
