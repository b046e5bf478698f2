//! Fief: an issuer that says https over plain http, and refresh tokens that are
//! replaced each time.

use std::fs;

use latchstring_provider::port::reserve_port;
use latchstring_provider::visitor::Visitor;
use latchstring_standins::{ForgedSession, Misbehaviour, Options, System};
use latchstring_testing::session::Session;
use latchstring_testing::system::Scene;
use latchstring_testing::{Pending, refusing, run};
use serde_json::{Value, json};

const TOKEN: &str = "/api/token";
const USERINFO: &str = "/api/userinfo";

fn scene() -> Scene {
    Scene::new(System::Fief)
}

fn logged_in() -> Scene {
    let scene = scene();
    scene.login();
    scene
}

/// The file of Fief's own program.
fn file_of(session: &ForgedSession) -> String {
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
    assert_eq!(seen.content_type.as_deref(), Some("application/x-www-form-urlencoded"));
}

#[test]
fn asking_for_the_token_again_asks_nobody() {
    let scene = logged_in();
    let asked = scene.requests();
    let token = scene.token(&[]);
    assert_eq!(scene.token(&[]), token);
    assert_eq!(scene.requests(), asked);
}

#[test]
fn each_renewal_replaces_the_refresh_token() {
    let scene = logged_in();
    let refresh_token =
        || Session::read(&scene.home.session_file()).inner["refresh_token"].to_string();
    let (first, token) = (refresh_token(), scene.token(&[]));
    assert_ne!(scene.token(&["--force-refresh"]), token);
    let second = refresh_token();
    assert_ne!(second, first);
    scene.token(&["--force-refresh"]);
    assert_ne!(refresh_token(), second);
}

#[test]
fn an_expired_token_is_renewed() {
    let scene = Scene::with(System::Fief, Options { access_ttl: Some(0), ..Options::default() });
    scene.login();
    let token = scene.latch(&["token", "--json"]).succeeded().json();
    assert_eq!(token["source"], "renewed");
}

#[test]
fn a_token_that_the_server_no_longer_accepts_is_renewed_when_it_is_verified() {
    let scene = logged_in();
    let first = scene.token(&[]);
    scene.misbehaves(Misbehaviour::ExpireAccess);
    assert_eq!(scene.token(&[]), first);
    let second = scene.token(&["--verify"]);
    assert_ne!(second, first);
    assert_eq!(scene.token(&["--verify"]), second);
}

#[test]
fn a_session_that_was_revoked_asks_for_a_login() {
    let scene = logged_in();
    scene.standin.revoke_all();
    scene.latch(&["token", "--verify"]).failed(3, "login-required");
    scene.latch(&["token"]).failed(3, "login-required");
}

#[test]
fn whoami_tells_what_fief_says_of_the_person() {
    let scene = logged_in();
    let who = scene.latch(&["whoami", "--json"]).succeeded().json();
    assert_eq!(who["email"], "ada.lovelace@example.com");
    assert_eq!(who["fields"]["name"], "Ada Lovelace");
    assert!(!scene.asked(USERINFO).is_empty());
}

#[test]
fn logout_forgets_the_session_and_says_that_fief_revokes_nothing() {
    let scene = logged_in();
    let words = ["Logged out", "the provider has no revocation endpoint"];
    scene.latch(&["logout"]).succeeded().saying(&words);
    assert!(scene.home.session_files().is_empty());
    scene.latch(&["token"]).failed(3, "login-required");
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
    let scene = Scene::with(System::Fief, options);
    scene.login();
    scene.token(&["--force-refresh"]);
    scene.token(&["--check"]);
    assert_eq!(scene.asked("/tenant/api/token").len(), 2);
    let log = scene.standin.log();
    let elsewhere = |path: &str| !path.starts_with("/tenant/") && !path.ends_with("/tenant");
    assert!(!log.iter().any(|seen| elsewhere(&seen.path)), "{log:?}");
}

#[test]
fn the_redirect_is_the_one_that_fiefs_own_program_registers() {
    let (scene, _port) = (scene(), reserve_port(51562));
    let mut command = scene.command("login", &["--no-browser"]);
    let pending = Pending::start(&mut command);
    assert_eq!(pending.redirect_uri().as_str(), "http://localhost:51562/callback");
}

#[test]
fn another_redirect_than_the_registered_one_is_refused_by_the_server() {
    let scene = scene();
    let pending = scene.start_login(&["--redirect-path", "/elsewhere"]);
    let page = pending.visit();
    assert_eq!(page.status, 400);
    assert!(page.body.contains("may not return to where it wants"), "{}", page.body);
}

#[test]
fn whoever_refuses_is_not_logged_in() {
    let scene = scene();
    let pending = scene.start_login(&[]);
    pending.visit_as(&refusing());
    pending.finish().failed(4, "access-denied").saying(&["the person refused"]);
    assert!(scene.home.session_files().is_empty());
}

#[test]
fn an_id_token_that_is_not_of_this_login_is_refused() {
    let rows = [(Misbehaviour::WrongNonce, "nonce"), (Misbehaviour::BadAtHash, "at_hash")];
    for (misbehaviour, word) in rows {
        let scene = scene();
        scene.misbehaves(misbehaviour);
        let pending = scene.start_login(&[]);
        pending.visit();
        pending.finish().failed(6, "invalid-id-token").saying(&[word]);
        assert!(scene.home.session_files().is_empty());
    }
}

#[test]
fn a_code_that_has_expired_is_the_servers_refusal() {
    let scene = scene();
    let pending = scene.start_login(&[]);
    scene.misbehaves(Misbehaviour::CodeExpired);
    pending.visit();
    pending.finish().failed(4, "provider-refused").saying(&["invalid_grant"]);
}

#[test]
fn a_redirect_without_its_state_finishes_nothing_and_says_so() {
    let scene = scene();
    scene.misbehaves(Misbehaviour::NoStateEcho);
    let (pending, page) = scene.visit_in_time(&Visitor::default());
    assert_eq!(page.status, 400);
    assert!(page.body.contains("state"), "{}", page.body);
    pending.finish().failed(5, "timed-out");
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
fn settings_that_are_missing_are_named() {
    let scene = scene();
    let login = scene.latch(&["login", "--provider", "fief", "--set", "client-id=cli-app"]);
    let words = ["base-url", "the server's URL", "FIEF_BASE_URL"];
    login.failed(2, "invalid-configuration").saying(&words);
}

#[test]
fn the_session_of_fiefs_own_program_is_taken_over_from_its_file() {
    let scene = scene();
    let text = file_of(&scene.forge("openid offline_access"));
    let file = scene.home.file("credentials.json", &text);
    scene.import(&[&file]).succeeded().saying(&["Imported", "It is still kept there"]);
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

#[test]
fn a_damaged_file_is_told_and_stays() {
    let scene = scene();
    for text in ["{\"tokens\": {\"access_tok", "{\"tokens\": {}}", "{\"tokens\": [1]}", "\u{1}"] {
        let file = scene.home.file("credentials.json", text);
        let words = ["credentials.json", "holds no session that can be read"];
        scene.import(&[&file, "--remove"]).failed(8, "stored-damaged").saying(&words);
        assert_eq!(fs::read_to_string(&file).expect("a file"), text);
    }
    assert!(scene.home.session_files().is_empty());
    let gone = scene.home.path("nowhere.json").display().to_string();
    scene.import(&[&gone]).failed(3, "login-required").saying(&["nowhere.json"]);
    scene.import(&[]).failed(3, "login-required").saying(&["name the file"]);
}

#[test]
fn a_session_that_is_over_is_not_taken_over() {
    let scene = scene();
    let text = file_of(&scene.forge("openid offline_access"));
    scene.standin.revoke_all();
    let file = scene.home.file("credentials.json", &text);
    scene.import(&[&file, "--remove"]).failed(3, "login-required");
    assert_eq!(fs::read_to_string(&file).expect("a file"), text);
}
