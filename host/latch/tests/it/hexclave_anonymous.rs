//! An anonymous session at Hexclave, which a login makes the user's own.

use latchstring_provider::dialects::{AUTHGATE, HEXCLAVE};
use latchstring_testing::system::Scene;
use latchstring_testing::{Pending, http, run};
use serde_json::Value;
use url::Url;

const BEGIN: &str = "/api/v1/auth/cli";

fn scene() -> Scene {
    Scene::new(&HEXCLAVE)
}

/// A session of somebody who has not said who it is: its refresh token, and its
/// user's id.
fn anonymous(scene: &Scene) -> (String, String) {
    let url = format!("{}/api/v1/auth/anonymous/sign-up", scene.standin.url());
    let headers = [
        "x-hexclave-access-type: client",
        "x-hexclave-project-id: demo-project",
        "content-length: 0",
        "connection: close",
    ];
    let answer = http::send(&Url::parse(&url).expect("an address"), "POST", &headers);
    let tokens: Value = serde_json::from_str(&answer.body).expect("JSON");
    let text = |name: &str| tokens[name].as_str().expect("text").to_owned();
    (text("refresh_token"), text("user_id"))
}

#[test]
fn an_anonymous_session_becomes_the_users_own() {
    let scene = scene();
    let (refresh_token, id) = anonymous(&scene);
    let file = scene.home.file("anonymous", &format!("{refresh_token}\n"));
    let login = scene.login_with(&["--anonymous-token-file", &file]);
    assert!(login.stderr.contains("Logged in as Ada Lovelace"), "{}", login.stderr);
    let who = scene.latch(&["whoami", "--json"]).succeeded().json();
    assert_eq!(who["id"], id);
    assert!(!scene.home.config().contains("anonymous"), "{}", scene.home.config());
}

#[test]
fn the_anonymous_session_may_be_named_in_the_environment() {
    for name in [
        "LATCH_ANONYMOUS_REFRESH_TOKEN",
        "HEXCLAVE_CLI_ANON_REFRESH_TOKEN",
        "STACK_CLI_ANON_REFRESH_TOKEN",
    ] {
        let scene = scene();
        let (refresh_token, _) = anonymous(&scene);
        let mut command = scene.login_command(&[]);
        let _pending = Pending::start(command.env(name, refresh_token));
        let sent = scene.asked_once(BEGIN);
        assert_eq!(sent.names(), ["anon_refresh_token", "expires_in_millis"], "{name}");
    }
    let scene = scene();
    let mut command = scene.login_command(&[]);
    command.env("HEXCLAVE_CLI_ANON_REFRESH_TOKEN", "a").env("STACK_CLI_ANON_REFRESH_TOKEN", "b");
    run(&mut command).failed(2, "invalid-configuration").saying(&["both set, but differ"]);
}

#[test]
fn an_anonymous_session_that_is_over_is_told_and_never_shown() {
    let scene = scene();
    let (refresh_token, _) = anonymous(&scene);
    scene.standin.revoke_all();
    let file = scene.home.file("anonymous", &refresh_token);
    let login = run(&mut scene.login_command(&["--anonymous-token-file", &file, "--verbose"]));
    let login = login.failed(4, "provider-refused").saying(&["REFRESH_TOKEN_NOT_FOUND_OR_EXPIRED"]);
    assert!(!login.stderr.contains(&refresh_token), "{}", login.stderr);
}

#[test]
fn an_anonymous_session_at_a_system_without_any_is_refused() {
    let scene = Scene::new(&AUTHGATE);
    let mut command = scene.login_command(&[]);
    let login = run(command.env("LATCH_ANONYMOUS_REFRESH_TOKEN", "t0ken"));
    login.failed(2, "invalid-configuration").saying(&["no such sessions"]);
    assert_eq!(scene.requests(), 0);
}

#[test]
fn a_folders_dotenv_cannot_lead_the_token_elsewhere() {
    let (scene, trap) = (scene(), http::Trap::set());
    let (refresh_token, _) = anonymous(&scene);
    let file = scene.home.file("token", &scene.forge("").refresh_token);
    scene.import(&[&file]).succeeded();
    scene.home.write_dotenv(&format!("HEXCLAVE_API_URL={}\n", trap.origin()));
    let asked = scene.requests();
    for named in [&[][..], &["--provider", "hexclave"]] {
        let mut command = scene.home.command(&["login", "--no-browser", "--timeout", "0"]);
        command.args(named).env("LATCH_ANONYMOUS_REFRESH_TOKEN", &refresh_token);
        // The profile names the server, and .env fills no gap.
        run(&mut command).failed(5, "timed-out");
    }
    assert!(trap.is_untouched());
    assert!(scene.requests() > asked);
}

#[test]
fn a_default_that_a_folders_dotenv_changes_counts_as_elsewhere() {
    let (scene, trap) = (scene(), http::Trap::set());
    let app = format!("app-url={}", scene.standin.url());
    let add = ["profile", "add", "default", "--provider", "hexclave", "--set", &app];
    scene.latch(&[&add[..], &["--set", "project-id=demo-project"]].concat()).succeeded();
    scene.home.write_dotenv(&format!("STACK_API_URL={}\n", trap.origin()));
    let mut command = scene.home.command(&["login", "--no-browser"]);
    let login = run(command.env("LATCH_ANONYMOUS_REFRESH_TOKEN", "t0ken"));
    login.failed(2, "invalid-configuration").saying(&["is not sent to it"]);
    assert!(trap.is_untouched());
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let scene = scene();
    let file = scene.home.path("nowhere").display().to_string();
    let login = run(&mut scene.login_command(&["--anonymous-token-file", &file]));
    login.failed(2, "invalid-configuration").saying(&["nowhere", "check --anonymous-token-file"]);
}
