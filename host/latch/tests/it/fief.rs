//! Fief: an issuer that says https over plain http, and refresh tokens that are
//! replaced each time.

use std::fs;

use latchstring_provider::dialects::FIEF;
use latchstring_provider::{ForgedSession, Options};
use latchstring_testing::run;
use latchstring_testing::system::Scene;
use serde_json::{Value, json};

const TOKEN: &str = "/api/token";
const USERINFO: &str = "/api/userinfo";

fn scene() -> Scene {
    Scene::new(&FIEF)
}

fn logged_in() -> Scene {
    let scene = scene();
    scene.login();
    scene
}

/// The file of Fief's own program.
pub(crate) fn file_of(session: &ForgedSession) -> String {
    json!({
        "userinfo": { "sub": session.user_id, "email": "ada.lovelace@example.com" },
        "tokens": {
            "access_token": session.access_token,
            "id_token": "not looked at",
            "token_type": "bearer",
            "expires_in": session.expires_in,
            "refresh_token": session.refresh_token,
        },
    })
    .to_string()
}

#[test]
fn a_login_asks_for_openid_and_offline_access_whatever_else_it_asks_for() {
    let scene = scene();
    let pending = scene.start_login(&["--scope", "castles"]);
    assert_eq!(pending.parameter("scope"), "castles openid offline_access");
    assert_eq!(pending.redirect_uri().host_str(), Some("localhost"));
    assert_eq!(pending.parameter("code_challenge_method"), "S256");
    assert_eq!(pending.url.query_pairs().find(|(name, _)| name == "prompt"), None);
    assert_eq!(pending.url.query_pairs().find(|(name, _)| name == "lang"), None);
    pending.visit();
    pending.finish().succeeded().saying(&["Logged in as ada.lovelace@example.com"]);
    let seen = scene.asked_once(TOKEN);
    assert_eq!(seen.header("content-type"), Some("application/x-www-form-urlencoded"));
}

#[test]
fn the_language_and_further_parameters_are_sent_along() {
    let scene = scene();
    let extra = ["--set", "lang=fr", "--param", "login_hint=ada", "--param", "screen=register"];
    let pending = scene.start_login(&extra);
    assert_eq!(pending.parameter("lang"), "fr");
    assert_eq!(pending.parameter("login_hint"), "ada");
    assert_eq!(pending.parameter("screen"), "register");
    pending.visit();
    pending.finish().succeeded();
    scene.token(&[]);
}

#[test]
fn a_tenant_has_its_own_path() {
    let options = Options { tenant: "/tenant".to_owned(), ..Options::default() };
    let scene = Scene::with(&FIEF, options);
    scene.login();
    scene.token(&["--force-refresh"]);
    scene.token(&["--check"]);
    assert_eq!(scene.asked("/tenant/api/token").len(), 2);
    let log = scene.standin.log();
    let elsewhere = |path: &str| !path.starts_with("/tenant/") && !path.ends_with("/tenant");
    assert!(!log.iter().any(|seen| elsewhere(&seen.path)), "{log:?}");
}

#[test]
fn a_token_is_checked_here_for_what_it_allows() {
    let scene = logged_in();
    let permission = ["--require-permission", "castles:read"];
    let rules =
        [&["--check", "--require-scope", "openid"][..], &permission, &["--require-acr", "1"]];
    let asked = scene.requests();
    for rule in rules {
        scene.token(rule);
    }
    scene.token(&rules.concat());
    // Nobody but whoever has the keys.
    let log = scene.standin.log();
    assert!(log[asked..].iter().all(|seen| seen.path.ends_with("jwks.json")), "{log:?}");
    let rows = [
        (["--require-scope", "moats"], "lacks the scope moats"),
        (["--require-permission", "castles:burn"], "lacks the permission castles:burn"),
        (["--require-acr", "2"], "authentication context 1"),
    ];
    for (rule, words) in rows {
        scene
            .latch(&[&["token"], &rule[..]].concat())
            .failed(4, "insufficient-scope")
            .saying(&[words]);
    }
}

#[test]
fn a_renewed_token_no_longer_proves_that_somebody_was_there() {
    let scene = logged_in();
    scene.token(&["--require-acr", "1"]);
    scene.token(&["--force-refresh", "--require-acr", "0"]);
    let words = ["authentication context 0", "expected 1 or more"];
    scene.latch(&["token", "--require-acr", "1"]).failed(4, "insufficient-scope").saying(&words);
}

#[test]
fn a_checked_token_tells_its_claims_in_json() {
    let scene = logged_in();
    let token = scene.latch(&["token", "--check", "--json"]).succeeded().json();
    let claims = &token["access_token_claims"];
    assert_eq!(claims["acr"], "1");
    assert_eq!(claims["iss"], scene.standin.issuer());
    assert_eq!(claims["permissions"], json!(["castles:read", "castles:create"]));
}

#[test]
fn whoever_is_not_logged_in_is_told_the_command() {
    let scene = scene();
    let before = scene.latch(&["token"]).failed(3, "login-required");
    before.saying(&["latch login --provider NAME"]);
    let named = run(&mut scene.command("token", &[])).failed(3, "login-required");
    named.saying(&["latch login --provider fief"]);
    scene.login();
    scene.latch(&["logout"]).succeeded();
    scene.latch(&["token"]).failed(3, "login-required").saying(&["log in with: latch login"]);
    assert_eq!(scene.asked(USERINFO).len(), 0);
}

#[test]
fn the_session_of_fiefs_own_program_is_taken_over_from_its_file() {
    let scene = scene();
    let text = file_of(&scene.forge("openid offline_access"));
    let file = scene.home.file("credentials.json", &text);
    scene.import(&[&file]).succeeded().saying(&["Imported", "It is still there"]);
    assert_eq!(fs::read_to_string(&file).expect("a file"), text);
    let who = scene.latch(&["whoami", "--json"]).succeeded().json();
    assert_eq!(who["email"], "ada.lovelace@example.com");
    scene.token(&["--force-refresh"]);
}

#[test]
fn a_session_that_is_removed_leaves_nothing_that_fiefs_own_program_cannot_read() {
    let scene = scene();
    let file = scene.home.file("alone.json", &file_of(&scene.forge("openid offline_access")));
    scene.import(&[&file, "--remove"]).succeeded();
    assert!(!scene.home.path("alone.json").exists());
    let text = file_of(&scene.forge("openid offline_access"));
    let mut document: Value = serde_json::from_str(&text).expect("JSON");
    document["notes"] = json!("of somebody else");
    let file = scene.home.file("shared.json", &document.to_string());
    scene.import(&[&file, "--remove"]).succeeded();
    let left: Value =
        serde_json::from_str(&fs::read_to_string(&file).expect("a file")).expect("JSON");
    assert_eq!(left, json!({ "notes": "of somebody else" }));
}
