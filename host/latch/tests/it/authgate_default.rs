//! AuthGate in its default configuration: ID tokens signed with a secret of its own,
//! which no client can check, and no published keys.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use latchstring_provider::dialects::AUTHGATE;
use latchstring_testing::system::Scene;
use latchstring_testing::{block_on, named};

/// The one line about the ID token.
const UNCHECKED: &str = "the ID token is not used";

#[test]
fn a_login_succeeds_without_an_id_token_and_userinfo_says_who_it_is() {
    let scene = Scene::new(&AUTHGATE);
    let login = scene.login().saying(&["Logged in as Ada Lovelace", UNCHECKED]);
    assert_eq!(login.stderr.matches(UNCHECKED).count(), 1, "{}", login.stderr);
    assert!(!login.stderr.contains("invalid-configuration"), "{}", login.stderr);
    let token = scene.latch(&["token", "--json"]).succeeded().json();
    assert!(token["id_token"].is_null(), "{token}");
    let asked = scene.asked("/oauth/userinfo").len();
    let user = scene.latch(&["whoami", "--json"]).succeeded().json();
    assert_eq!(user["name"], "Ada Lovelace");
    assert!(scene.asked("/oauth/userinfo").len() > asked, "{:?}", scene.standin.log());
}

#[test]
fn a_login_with_a_code_needs_no_keys_either() {
    let scene = Scene::new(&AUTHGATE);
    let mut command = scene.login_command(&["--flow", "device"]);
    let mut login = command.stderr(Stdio::piped()).spawn().expect("latch starts");
    let mut lines = BufReader::new(login.stderr.take().expect("standard error")).lines();
    let mut after = |start: &str| {
        let lines = lines.by_ref().map(|line| line.expect("text"));
        let mut found = lines.filter_map(|line| Some(line.strip_prefix(start)?.trim().to_owned()));
        found.next().expect("a line")
    };
    let page = format!("http{}?user_code={}", after("  http"), after("    "));
    block_on(named("Grace Hopper").visit(&page)).expect("the last page");
    let said = lines.map(|line| line.expect("text")).collect::<Vec<_>>().join("\n");
    assert!(login.wait().expect("an end").success(), "{said}");
    assert!(said.contains("Logged in as Grace Hopper"), "{said}");
    let user = scene.latch(&["whoami", "--json"]).succeeded().json();
    assert_eq!(user["name"], "Grace Hopper");
}
