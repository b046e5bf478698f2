//! Each program logs a user in to the stand-in of its system.
#![cfg(target_os = "linux")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use latchstring_provider::dialects::{AUTHGATE, FIEF, HEXCLAVE, MOCK, STYTCH};
use latchstring_provider::port::reserve_port;
use latchstring_provider::visitor::Visitor;
use latchstring_provider::{Dialect, Options, Provider};

/// A program at a terminal, in a home of its own, with everything it has to be
/// told in its environment.
///
/// The user opens the address that it shows.
fn run(program: &str, dialect: &'static Dialect, options: Options, words: &[&str]) -> String {
    // Where its preset fixes one.
    let port = match dialect.name() {
        "fief" => Some(51562),
        "mock" => Some(8085),
        _ => None,
    };
    let _port = port.map(reserve_port);
    let standin = Provider::like(dialect, options).expect("a stand-in");
    let home = tempfile::tempdir().expect("a folder");
    let url = standin.url();
    let command = [&[program], words].concat().join(" ");
    let mut child = Command::new("script")
        .args(["--quiet", "--return", "--command", &command, "/dev/null"])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home.path())
        .env("TERM", "dumb")
        // A remote shell, wherever this runs: nothing is opened here.
        .env("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.2 22")
        .env("HEXCLAVE_API_URL", url)
        .env("HEXCLAVE_APP_URL", url)
        .env("HEXCLAVE_PROJECT_ID", "demo-project")
        .env("AUTHGATE_URL", url)
        .env("CLIENT_ID", "cli-app")
        .env("STYTCH_BASE_URL", url)
        .env("STYTCH_AUTHORIZE_URL", format!("{url}/oauth/authorize"))
        .env("STYTCH_PROJECT_ID", "demo-project")
        .env("STYTCH_CLIENT_ID", "cli-app")
        .env("RESOURCES_URL", format!("{url}/api/resources"))
        .env("FIEF_BASE_URL", url)
        .env("FIEF_CLIENT_ID", "cli-app")
        .env("OAUTH_SERVER", format!("{url}/default"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut output = BufReader::new(child.stdout.take().expect("a terminal"));
    let (mut shown, mut address, mut code) = (String::new(), None, None);
    // A code follows its address.
    while address.is_none() || (dialect.name() == "authgate" && code.is_none()) {
        let mut line = String::new();
        let read = output.read_line(&mut line).expect("text");
        assert!(read > 0, "no address was shown: {shown}");
        shown.push_str(&line);
        if line.trim().starts_with("http") {
            address = Some(line.trim().to_owned());
        } else if let Some(text) = line.strip_prefix("    ") {
            code = Some(text.trim().to_owned());
        }
    }
    let address = match (address.expect("an address"), code) {
        (address, Some(code)) => format!("{address}?user_code={code}"),
        (address, None) => address,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let visit = async { Visitor::default().visit(&address).await };
    runtime.expect("a runtime").block_on(visit).expect("the last page");
    output.read_to_string(&mut shown).expect("text");
    let status = child.wait().expect("an end");
    assert!(status.success(), "{shown}");
    shown
}

#[test]
fn hexclave_says_who_is_logged_in() {
    let program = env!("CARGO_BIN_EXE_example-hexclave");
    let shown = run(program, &HEXCLAVE, Options::default(), &[]);
    assert!(shown.contains("The user is logged in as Ada Lovelace"), "{shown}");
}

#[test]
fn authgate_takes_a_code_where_nobody_sits_at_the_machine() {
    let program = env!("CARGO_BIN_EXE_example-authgate");
    let shown = run(program, &AUTHGATE, Options::default(), &[]);
    assert!(shown.contains("\"active\":true") && shown.contains("scope: openid"), "{shown}");
}

#[test]
fn stytch_shows_what_the_api_has_for_the_user() {
    let program = env!("CARGO_BIN_EXE_example-stytch");
    let shown = run(program, &STYTCH, Options::default(), &["get_resources"]);
    assert!(shown.contains("resources"), "{shown}");
}

#[test]
fn fief_lets_in_whoever_has_the_scope() {
    let program = env!("CARGO_BIN_EXE_example-fief");
    let shown = run(program, &FIEF, Options::default(), &[]);
    assert!(shown.contains("Logged in as ada.lovelace@example.com"), "{shown}");
    assert!(shown.contains("\"permissions\""), "{shown}");
}

#[test]
fn the_demo_shows_its_steps() {
    let program = env!("CARGO_BIN_EXE_example-mock");
    let shown = run(program, &MOCK, Options::default(), &[]);
    for words in ["CLI OAuth2 Demo", "1. ", "2. ", "3. ", "4. ", "User Info:", "sub: Ada Lovelace"]
    {
        assert!(shown.contains(words), "no {words:?}: {shown}");
    }
}
