//! A mock in the manner of navikt/mock-oauth2-server: any issuer, any redirect,
//! and refresh tokens as the only ones that can be revoked.

use latchstring_provider::Misbehaviour;
use latchstring_provider::dialects::MOCK;
use latchstring_testing::system::Scene;
use latchstring_testing::{Pending, block_on, http, run};
use serde_json::json;

fn scene() -> Scene {
    Scene::new(&MOCK)
}

fn logged_in() -> Scene {
    let scene = scene();
    scene.login();
    scene
}

#[test]
fn what_comes_back_is_taken_on_127_0_0_1() {
    let scene = scene();
    let pending = scene.start_login(&[]);
    let mut browser = latchstring_provider::visitor::Browser::default();
    let form = [("name", "Ada Lovelace"), ("claims", "{}")];
    let page = block_on(browser.post(pending.url.as_str(), &form)).expect("a redirect");
    let mut answer = url::Url::parse(page.header("location").expect("an address")).expect("a URL");
    assert_eq!(answer.host_str(), Some("localhost"));
    answer.set_host(Some("127.0.0.1")).expect("a host");
    assert_eq!(http::get(&answer).status, 200);
    pending.finish().succeeded();
}

#[test]
fn any_path_may_be_the_issuers() {
    let scene = scene();
    let server = format!("server={}/some/where", scene.standin.url());
    scene.login_with(&["--set", &server]);
    let who = scene.latch(&["whoami", "--json"]).succeeded().json();
    assert_eq!(who["tid"], "some/where");
    scene.token(&["--force-refresh"]);
    scene.latch(&["logout"]).succeeded();
    assert!(scene.standin.log().iter().all(|seen| seen.path.starts_with("/some/where/")));
}

#[test]
fn the_server_may_be_named_in_the_environment() {
    let scene = scene();
    let port = scene.port.to_string();
    let mut command =
        scene.home.command(&["login", "--provider", "mock", "--no-browser", "--port", &port]);
    command.env("OAUTH_SERVER", format!("{}/default", scene.standin.url())).env("CLIENT_ID", "me");
    let pending = Pending::start(&mut command);
    assert_eq!(pending.parameter("client_id"), "me");
    pending.visit();
    pending.finish().succeeded();
    scene.token(&[]);
}

#[test]
fn introspection_tells_of_the_token() {
    let scene = logged_in();
    let about = scene.latch(&["introspect", "--json"]).succeeded().json();
    assert_eq!(about["introspection"]["active"], true);
    assert_eq!(about["introspection"]["client_id"], "cli-app");
    scene.latch(&["introspect", "--tokeninfo"]).failed(2, "invalid-configuration");
}

#[test]
fn logout_revokes_the_refresh_token_and_says_what_stays() {
    let scene = logged_in();
    let report = scene.latch(&["logout", "--json"]).succeeded().json();
    assert_eq!(report[0]["revoked"], json!(["refresh token"]));
    let left = &report[0]["not_revoked"][0];
    assert_eq!(left["token"], "access token");
    assert!(left["reason"].as_str().is_some_and(|why| why.contains("unsupported_token_type")));
    assert!(scene.home.session_files().is_empty());
    scene.latch(&["token"]).failed(3, "login-required");
}

#[test]
fn logout_may_end_the_session_at_the_server_too() {
    let scene = logged_in();
    let words = ["logout", "--end-session", "--browser", "true"];
    let pending = Pending::start(&mut scene.home.command(&words));
    assert!(pending.visit().body.contains("Logged out"));
    pending.finish().succeeded().saying(&["Logged out"]);
    let seen = scene.asked_once("/default/endsession");
    assert!(seen.parameter("id_token_hint").is_some(), "{seen:?}");
}

#[test]
fn there_is_nothing_to_take_over_where_no_program_keeps_a_session() {
    let scene = scene();
    scene.import(&[]).failed(3, "login-required").saying(&["keeps none that can be imported"]);
    let file = scene.home.file("tokens.json", "{\"refresh_token\": \"x\"}");
    scene.import(&[&file, "--remove"]).failed(8, "stored-damaged");
    assert!(scene.home.path("tokens.json").exists());
}

#[test]
fn a_server_that_is_down_is_told_from_one_that_refuses() {
    let scene = logged_in();
    scene.misbehaves(Misbehaviour::Down);
    let token = scene.token(&[]);
    assert_eq!(scene.token(&["--verify"]), token);
    scene.latch(&["token", "--force-refresh"]).failed(7, "provider-unavailable");
    scene.standin.behave();
    assert_ne!(scene.token(&["--force-refresh"]), token);
    run(&mut scene.home.command(&["logout"])).succeeded();
}
