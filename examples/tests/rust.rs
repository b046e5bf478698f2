//! The sample command line, at a terminal.
#![cfg(target_os = "linux")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};

use latchstring_provider::visitor::Visitor;
use latchstring_provider::{Options, Provider};

/// The program in `home`, on a terminal of its own.
fn notes(home: &Path, provider: &Provider, words: &str) -> Command {
    let program = env!("CARGO_BIN_EXE_example-rust");
    let mut command = Command::new("script");
    command
        .args(["--quiet", "--return", "--command", &format!("{program} {words}"), "/dev/null"])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("TERM", "dumb")
        .env("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.2 22")
        .env("NOTES_ISSUER", provider.issuer())
        .env("NOTES_API", format!("{}/userinfo", provider.issuer()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command
}

fn run(home: &Path, provider: &Provider, words: &str) -> (bool, String) {
    let output = notes(home, provider, words).output().expect("the program runs");
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn a_user_logs_in_asks_the_api_and_logs_out() {
    let provider = Provider::start(Options::default()).expect("a provider");
    let home = tempfile::tempdir().expect("a folder");
    let (worked, shown) = run(home.path(), &provider, "");
    assert!(!worked && shown.contains("you are not logged in; run: notes login"), "{shown}");
    let mut child = notes(home.path(), &provider, "login").spawn().expect("the program starts");
    let mut output = BufReader::new(child.stdout.take().expect("a terminal"));
    let (mut shown, mut address) = (String::new(), None);
    while address.is_none() {
        let mut line = String::new();
        assert!(output.read_line(&mut line).expect("text") > 0, "no address: {shown}");
        address = line.trim().starts_with("http").then(|| line.trim().to_owned());
        shown.push_str(&line);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let visit = async { Visitor::default().visit(&address.expect("an address")).await };
    runtime.expect("a runtime").block_on(visit).expect("the last page");
    output.read_to_string(&mut shown).expect("text");
    assert!(child.wait().expect("an end").success() && shown.contains("Welcome, Ada"), "{shown}");
    let (worked, shown) = run(home.path(), &provider, "");
    assert!(worked && shown.contains("Ada Lovelace"), "{shown}");
    assert!(run(home.path(), &provider, "logout").0);
    assert!(!run(home.path(), &provider, "").0);
}
