//! AuthGate that publishes its keys: a browser or a code on another device, and
//! discovery that leaves endpoints out. `authgate_default.rs` has its default.

use std::thread;

use latchstring_provider::dialects::AUTHGATE_WITH_KEYS;
use latchstring_provider::{Misbehaviour, Options};
use latchstring_testing::session::Session;
use latchstring_testing::system::Scene;
use latchstring_testing::{Pending, run};
use serde_json::json;

fn scene() -> Scene {
    Scene::new(&AUTHGATE_WITH_KEYS)
}

fn logged_in() -> Scene {
    let scene = scene();
    scene.login();
    scene
}

#[test]
fn what_a_token_tells_is_right_on_a_cached_run_too() {
    let scene = logged_in();
    let asked = scene.requests();
    let token = scene.latch(&["token", "--json"]).succeeded().json();
    assert_eq!(token["source"], "cached");
    assert_eq!(token["access_token"], scene.token(&[]));
    assert_eq!(token["scopes"], json!(["openid", "profile", "email"]));
    let left = token["expires_in"].as_u64().expect("a number");
    assert!((3500..=3600).contains(&left), "{left}");
    let end = token["expires_at"].as_str().expect("text");
    assert!(end.parse::<jiff::Timestamp>().is_ok(), "{end}");
    assert_eq!(token["id_token"].as_str().map(|text| text.split('.').count()), Some(3));
    assert_eq!(scene.requests(), asked);
}

#[test]
fn eight_processes_that_renew_at_once_never_bring_a_token_twice() {
    let options = Options { rotates_refresh_tokens: Some(true), ..Options::default() };
    let scene = Scene::with(&AUTHGATE_WITH_KEYS, options);
    scene.login();
    let runs: Vec<_> = thread::scope(|scope| {
        let renewals = [(); 8].map(|()| scope.spawn(|| scene.latch(&["token", "--force-refresh"])));
        renewals.into_iter().map(|renewal| renewal.join().expect("a run")).collect()
    });
    for run in runs {
        run.succeeded();
    }
    // One that came twice would have ended the session.
    scene.token(&["--force-refresh"]);
    scene.token(&["--verify"]);
}

#[test]
fn a_server_that_cannot_be_asked_says_nothing_against_a_token() {
    let scene = logged_in();
    let token = scene.token(&[]);
    scene.misbehaves(Misbehaviour::UserinfoDown);
    assert_eq!(scene.token(&["--verify"]), token);
    scene.latch(&["whoami"]).failed(7, "provider-unavailable");
    scene.standin.behave();
    scene.latch(&["whoami"]).succeeded();
}

#[test]
fn introspection_shows_what_is_known_here_and_there_and_no_secret() {
    let scene = logged_in();
    let token = scene.token(&[]);
    let about = scene.latch(&["introspect", "--json"]).succeeded();
    assert!(!about.stdout.contains(&token), "{}", about.stdout);
    let about = about.json();
    assert_eq!(about["access_token"], format!("{}...", &token[..8]));
    assert_eq!(about["token_type"], "Bearer");
    assert_eq!(about["scope"], "openid profile email");
    assert!(about["expires_in"].as_u64().is_some_and(|left| left > 3500), "{about}");
    assert!(about["expires_at"].as_str().is_some_and(|end| end.ends_with('Z')), "{about}");
    assert!(about["user"].as_str().is_some_and(|name| name.contains("Ada Lovelace")), "{about}");
    for hidden in ["refresh_token", "id_token"] {
        assert!(about[hidden].as_str().is_some_and(|text| text.len() <= 11), "{about}");
    }
    let report = &about["introspection"];
    assert_eq!(report["active"], true);
    assert_eq!(report["username"], "Ada Lovelace");
    assert_eq!(report["client_id"], "cli-app");
    assert_eq!(report["sub"], about["subject"]);
    // Discovery names no such endpoint.
    assert_eq!(scene.asked_once("/oauth/introspect").method, "POST");
}

#[test]
fn introspection_of_a_token_that_is_over_says_so() {
    let scene = logged_in();
    scene.misbehaves(Misbehaviour::ExpireAccess);
    let about = scene.latch(&["introspect", "--json"]).succeeded().json();
    assert_eq!(about["introspection"], json!({ "active": false }));
}

#[test]
fn tokeninfo_tells_every_field_of_authgates_own() {
    let scene = logged_in();
    let about = scene.latch(&["introspect", "--tokeninfo", "--json"]).succeeded().json();
    let report = &about["tokeninfo"];
    assert_eq!(report["active"], true);
    assert_eq!(report["user_id"], about["subject"]);
    assert_eq!(report["client_id"], "cli-app");
    assert_eq!(report["scope"], "openid profile email");
    assert_eq!(report["subject_type"], "user");
    assert_eq!(report["iss"], scene.standin.url());
    assert!(report["exp"].is_u64(), "{report}");
    let words = scene.latch(&["introspect", "--tokeninfo"]).succeeded().stdout;
    for word in ["tokeninfo", "subject_type", "expires_at", "Ada Lovelace"] {
        assert!(words.contains(word), "{words}");
    }
}

#[test]
fn secrets_are_shown_to_whoever_asks_for_them() {
    let scene = logged_in();
    let token = scene.latch(&["token", "--json"]).succeeded().json();
    let about = scene.latch(&["introspect", "--show-secrets", "--json"]).succeeded().json();
    for name in ["access_token", "id_token"] {
        assert_eq!(about[name], token[name]);
    }
    let session = Session::read(&scene.home.session_file());
    let refresh_token = session.inner["refresh_token"].as_str().expect("text").to_owned();
    assert!(!about.to_string().contains(&refresh_token));
}

/// `latch login` that names nothing but the preset.
fn bare_login(scene: &Scene) -> std::process::Command {
    let port = scene.port.to_string();
    let words = ["login", "--provider", "authgate", "--no-browser", "--port", &port];
    scene.home.command(&words)
}

#[test]
fn server_and_client_may_be_named_in_the_environment() {
    let scene = scene();
    run(&mut bare_login(&scene)).failed(2, "invalid-configuration").saying(&["CLIENT_ID"]);
    let mut command = bare_login(&scene);
    command.env("AUTHGATE_URL", scene.standin.url()).env("CLIENT_ID", "cli-app");
    let pending = Pending::start(&mut command);
    pending.visit();
    pending.finish().succeeded();
    scene.token(&[]);
}

#[test]
fn a_folders_dotenv_names_server_and_client_and_is_told() {
    let scene = scene();
    let url = scene.standin.url();
    scene.home.write_dotenv(&format!("AUTHGATE_URL={url}\nCLIENT_ID='cli-app'\n"));
    let pending = Pending::start(&mut bare_login(&scene));
    pending.visit();
    let words = [
        format!("The file .env in this folder sets url to {url}"),
        "The file .env in this folder sets client-id to cli-app".to_owned(),
    ];
    pending.finish().succeeded().saying(&[&words[0], &words[1]]);
    scene.token(&["--provider", "authgate"]);
}

#[test]
fn variables_of_other_programs_do_not_replace_what_the_profile_keeps() {
    let scene = scene();
    let mut command = bare_login(&scene);
    command.env("AUTHGATE_URL", scene.standin.url()).env("CLIENT_ID", "cli-app");
    let pending = Pending::start(&mut command);
    pending.visit();
    pending.finish().succeeded();
    let token = scene.token(&[]);
    let generic = [("AUTHGATE_URL", "http://127.0.0.1:1"), ("CLIENT_ID", "webshop-frontend")];
    let found = run(scene.home.command(&["token"]).envs(generic));
    assert_eq!(found.succeeded().stdout.trim_end(), token);
    scene.home.write_dotenv("AUTHGATE_URL=http://127.0.0.1:1\nCLIENT_ID=webshop-frontend\n");
    assert_eq!(scene.token(&[]), token);
    // What is said to this program counts over both.
    let mut login = scene.home.command(&["login", "--no-browser", "--timeout", "0"]);
    let login = run(login.envs(generic).env("LATCH_CLIENT_ID", "named"));
    assert!(login.stderr.contains("client_id=named"), "{}", login.stderr);
}

#[test]
fn the_environment_wins_over_a_folders_dotenv() {
    let scene = scene();
    scene.home.write_dotenv("AUTHGATE_URL=http://127.0.0.1:1\nCLIENT_ID=another\n");
    let mut command = bare_login(&scene);
    command.env("AUTHGATE_URL", scene.standin.url()).env("CLIENT_ID", "cli-app");
    let pending = Pending::start(&mut command);
    assert_eq!(pending.parameter("client_id"), "cli-app");
    pending.visit();
    let login = pending.finish().succeeded();
    assert!(!login.stderr.contains(".env"), "{}", login.stderr);
}
