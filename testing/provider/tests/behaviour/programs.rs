//! The program that runs a provider of any dialect.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use latchstring_provider::visitor::Browser;

const STANDIN: &str = env!("CARGO_BIN_EXE_standin");

#[tokio::test]
async fn the_program_prints_its_url_and_ends_with_its_input() {
    let mut child = Command::new(STANDIN)
        .args(["authgate", "--misbehave", "down", "--access-ttl", "5"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim_end().strip_prefix("url ").unwrap();
    let page = Browser::default().get(&format!("{url}/oauth/userinfo")).await.unwrap();
    assert_eq!(page.status, 503);
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_program_rejects_invalid_arguments() {
    for arguments in [
        &[][..],
        &["unheard-of"],
        &["fief", "--port"],
        &["fief", "--port", "high"],
        &["fief", "--misbehave", "poll-used"],
        &["fief", "--misbehave", "revoke-session"],
        &["fief", "--publish-keys"],
    ] {
        let output = Command::new(STANDIN).args(arguments).stdin(Stdio::null()).output().unwrap();
        assert!(!output.status.success(), "{arguments:?}");
        assert!(output.stderr.starts_with(b"standin: "), "{arguments:?}");
    }
}
