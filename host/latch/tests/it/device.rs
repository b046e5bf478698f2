//! A login with a code on another device, against npm `oidc-provider`.
#![cfg(unix)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use latchstring_provider::visitor::Visitor;
use latchstring_testing::servers::Server;
use latchstring_testing::{Home, Run, block_on, refusing};
use nix::sys::signal::Signal;

/// A login that has shown its code.
struct Shown {
    child: Child,
    stderr: BufReader<ChildStderr>,
    said: String,
    address: String,
    code: String,
}

impl Shown {
    fn start(home: &Home, server: &Server, extra: &[&str]) -> Self {
        let words = ["login", "--issuer", server.issuer(), "--client-id", "device"];
        let scopes = ["--scope", "openid", "--scope", "offline_access", "--flow", "device"];
        let mut child = home
            .command(&[&words[..], &scopes, extra].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("latch starts");
        let stderr = BufReader::new(child.stderr.take().expect("standard error"));
        let mut shown = Self {
            child,
            stderr,
            said: String::new(),
            address: String::new(),
            code: String::new(),
        };
        while shown.code.is_empty() {
            let mut line = String::new();
            let read = shown.stderr.read_line(&mut line).expect("text");
            assert!(read > 0, "no code was shown: {}", shown.said);
            shown.said.push_str(&line);
            if let Some(code) = line.strip_prefix("    ") {
                shown.code = code.trim().to_owned();
            } else if let Some(address) = line.strip_prefix("  http") {
                shown.address = format!("http{}", address.trim());
            }
        }
        shown
    }

    /// Somebody enters the code on another device, and agrees.
    fn enter(&self) {
        block_on(Visitor::default().visit(&self.with_code())).expect("the last page");
    }

    /// Somebody enters it and says no. The provider then asks for another code, for
    /// as long as anybody answers.
    fn refuse(&self) {
        block_on(refusing().visit(&self.with_code())).expect_err("no last page");
    }

    fn with_code(&self) -> String {
        format!("{}?user_code={}", self.address, self.code)
    }

    fn finish(mut self) -> Run {
        self.stderr.read_to_string(&mut self.said).expect("text");
        let output = self.child.wait_with_output().expect("an end");
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        Run { code: output.status.code().unwrap_or(-1), stdout, stderr: self.said }
    }
}

#[test]
fn a_user_enters_the_code_elsewhere_and_is_logged_in_here() {
    let (server, home) = (Server::oidc_provider(), Home::new());
    let shown = Shown::start(&home, &server, &[]);
    assert_eq!(shown.address, format!("{}/device", server.issuer()));
    shown.enter();
    let words = ["Only enter a code if you started this login yourself", "Logged in as"];
    shown.finish().succeeded().saying(&words);
    let first = home.token(&[]);
    assert_ne!(home.token(&["--force-refresh"]), first);
    assert_eq!(home.latch(&["whoami", "--json"]).json()["sub"], "Ada Lovelace");
    home.latch(&["logout"]).succeeded();
}

#[test]
fn a_user_who_says_no_there_is_taken_at_their_word_here() {
    let (server, home) = (Server::oidc_provider(), Home::new());
    let shown = Shown::start(&home, &server, &[]);
    shown.refuse();
    shown.finish().failed(4, "access-denied").saying(&["refused on the other device"]);
    assert!(home.session_files().is_empty());
}

#[test]
fn a_code_that_nobody_enters_runs_out() {
    let (server, home) = (Server::oidc_provider_with_code_lifetime(6), Home::new());
    let shown = Shown::start(&home, &server, &[]);
    shown.finish().failed(5, "timed-out").saying(&["the code was not entered in time"]);
}

#[test]
fn a_connection_that_is_away_for_ten_seconds_ends_nothing() {
    let (server, home) = (Server::oidc_provider(), Home::new());
    let shown = Shown::start(&home, &server, &[]);
    server.signal(Signal::SIGSTOP);
    // What is away for a while cannot be had any faster.
    let begun = Instant::now();
    thread::sleep(Duration::from_secs(10).saturating_sub(begun.elapsed()));
    server.signal(Signal::SIGCONT);
    shown.enter();
    shown.finish().succeeded();
    home.token(&[]);
}

#[test]
fn a_provider_without_device_login_says_what_to_do_instead() {
    let home = Home::new();
    let mut words = home.login_arguments();
    words.extend(["--flow".to_owned(), "device".to_owned()]);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    home.latch(&words)
        .failed(4, "device-login-unavailable")
        .saying(&["no device login", "--flow paste"]);
}

#[test]
fn where_nobody_can_be_asked_nobody_is() {
    let home = Home::new();
    let words = ["login", "--issuer", home.provider.issuer(), "--client-id", "demo"];
    home.latch(&words).failed(3, "login-required").saying(&["no terminal", "--flow"]);
}
