//! The whole program against a certified provider: npm `oidc-provider`.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use latchstring_provider::visitor::Visitor;
use latchstring_testing::http::get;
use latchstring_testing::servers::{Server, log_in, visit};
use latchstring_testing::session::Session;
use latchstring_testing::{Home, Pending, built, named, refusing};
use serde_json::{Value, json};

/// As in `web/oidc-provider.mjs`.
const SECRET: &str = "a secret: +/%&=~\"";

/// The words that log in as one of the provider's clients, to stay logged in.
fn login<'a>(server: &'a Server, client_id: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let words = ["login", "--issuer", server.issuer(), "--client-id", client_id];
    let scopes = ["--scope", "openid", "--scope", "offline_access", "--no-browser"];
    [&words[..], &scopes, more].concat()
}

/// Ada Lovelace is logged in and stays so.
fn logged_in(server: &Server) -> Home {
    let home = Home::new();
    log_in(&home, &Visitor::default(), &login(server, "public", &[])).0.succeeded();
    home
}

#[test]
fn a_login_with_consent_and_offline_access_can_be_renewed() {
    let server = Server::oidc_provider();
    let words = login(&server, "public", &["--scope", "profile", "--json"]);
    let (run, page) = log_in(&Home::new(), &Visitor::default(), &words);
    let answer = run.succeeded().json();
    assert_eq!(answer["subject"], "Ada Lovelace");
    assert_eq!(answer["name"], "Ada Lovelace of the tests");
    assert_eq!(answer["renewable"], true);
    assert_eq!(page.status, 200);
    assert!(page.body.contains("You are logged in"), "{}", page.body);
    let pages: Vec<_> = server.asked("submit").iter().map(|seen| seen["page"].clone()).collect();
    assert_eq!(pages, ["login", "consent"]);
    assert_eq!(server.asked("authorization")[0]["code_challenge_method"], "S256");
}

#[test]
fn without_offline_access_a_renewal_asks_for_a_login() {
    let server = Server::oidc_provider();
    let home = Home::new();
    let words = ["login", "--issuer", server.issuer(), "--client-id", "public"];
    let words = [&words[..], &["--scope", "openid", "--no-browser", "--json"]].concat();
    let (run, _) = log_in(&home, &Visitor::default(), &words);
    assert_eq!(run.succeeded().json()["renewable"], false);
    home.latch(&["token"]).succeeded();
    home.latch(&["token", "--force-refresh"]).failed(3, "login-required");
    home.latch(&["token"]).succeeded();
    assert_eq!(server.refreshes(), 0);
}

#[test]
fn a_token_that_is_still_good_is_printed_without_asking_anybody() {
    let server = Server::oidc_provider();
    let home = logged_in(&server);
    let before = server.log();
    let token = home.token(&[]);
    assert_eq!(home.token(&[]), token);
    assert_eq!(server.log(), before);
    assert_eq!(server.get("/me", &token).status, 200);
}

#[test]
fn a_token_that_would_not_last_is_renewed() {
    let server = Server::oidc_provider_with_lifetime(300);
    let home = logged_in(&server);
    let token = home.token(&["--min-ttl", "100"]);
    assert_eq!(home.token(&["--min-ttl", "301"]), token, "no token lives that long");
    assert_eq!(server.refreshes(), 0);
    Session::read(&home.session_file()).later(250).write();
    assert_ne!(home.token(&["--min-ttl", "100"]), token);
    assert_eq!(server.refreshes(), 1);
}

#[test]
fn every_renewal_brings_another_token_and_spends_the_refresh_token() {
    let server = Server::oidc_provider();
    let home = logged_in(&server);
    let mut tokens = vec![home.token(&[])];
    for _ in 0..3 {
        let renewed = home.latch(&["token", "--force-refresh", "--json"]).succeeded().json();
        assert_eq!(renewed["source"], "renewed");
        let token = home.token(&[]);
        assert_eq!(renewed["access_token"], token);
        assert!(!tokens.contains(&token));
        tokens.push(token);
    }
    assert_eq!(server.refreshes(), 3);
}

#[test]
fn a_refresh_token_used_twice_ends_the_session_for_good() {
    let server = Server::oidc_provider();
    let home = logged_in(&server);
    let session = home.session_file();
    fs::copy(&session, home.path("backup")).expect("a backup");
    let token = home.token(&["--force-refresh"]);
    fs::copy(home.path("backup"), &session).expect("the old session");
    let refused = home.latch(&["token", "--force-refresh"]).failed(3, "login-required");
    assert_eq!(refused.stdout, "");
    assert!(home.session_files().is_empty());
    // The provider takes a second use for theft, and ends what the first one got.
    assert_eq!(server.get("/me", &token).status, 401);
    let before = server.log();
    home.latch(&["token"]).failed(3, "login-required");
    home.latch(&["whoami"]).failed(3, "login-required");
    assert_eq!(server.log(), before);
}

#[test]
fn whoami_tells_what_the_provider_says_now() {
    let server = Server::oidc_provider();
    let home = Home::new();
    let words = login(&server, "public", &["--scope", "email"]);
    log_in(&home, &named("grace"), &words).0.succeeded();
    let before = server.asked("userinfo").len();
    let claims = home.latch(&["whoami", "--json"]).succeeded().json();
    assert_eq!(claims["sub"], "grace");
    assert_eq!(claims["email"], "grace@example.com");
    assert_eq!(server.asked("userinfo").len(), before + 1);
}

#[test]
fn logging_out_ends_both_tokens_at_the_provider() {
    let server = Server::oidc_provider();
    let home = logged_in(&server);
    let session = home.session_file();
    fs::copy(&session, home.path("backup")).expect("a backup");
    let token = home.token(&[]);
    assert_eq!(server.get("/me", &token).status, 200);
    let report = home.latch(&["logout", "--json"]).succeeded().json();
    assert_eq!(report[0]["revoked"], json!(["refresh token", "access token"]));
    assert_eq!(report[0]["not_revoked"], json!([]));
    assert!(home.session_files().is_empty());
    assert_eq!(server.get("/me", &token).status, 401);
    fs::copy(home.path("backup"), &session).expect("the old session");
    home.latch(&["token", "--force-refresh"]).failed(3, "login-required");
}

#[test]
fn a_user_who_cancels_is_told_so_in_browser_and_terminal() {
    let server = Server::oidc_provider();
    let home = Home::new();
    let (run, page) = log_in(&home, &refusing(), &login(&server, "public", &[]));
    run.failed(4, "access-denied").saying(&["End-User aborted interaction"]);
    assert_eq!(page.status, 403);
    assert!(page.body.contains("Login refused"), "{}", page.body);
    assert!(server.asked("token").is_empty());
    home.latch(&["token"]).failed(3, "login-required");
}

#[test]
fn an_id_token_is_verified_by_whichever_algorithm_signed_it() {
    let server = Server::oidc_provider();
    for algorithm in
        ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA", "Ed25519"]
    {
        let home = Home::new();
        log_in(&home, &Visitor::default(), &login(&server, algorithm, &[])).0.succeeded();
        for renewal in [&["token", "--json"][..], &["token", "--json", "--force-refresh"]] {
            let token = home.latch(renewal).succeeded().json();
            let id_token = token["id_token"].as_str().expect("an ID token");
            assert_eq!(part(id_token, 0)["alg"], algorithm);
            assert_eq!(part(id_token, 1)["sub"], "Ada Lovelace");
        }
    }
}

#[test]
fn a_client_with_a_secret_sends_it_as_it_is_registered() {
    let server = Server::oidc_provider();
    for method in ["client_secret_basic", "client_secret_post"] {
        let home = Home::new();
        let file = home.file("secret", &format!("{SECRET}\n"));
        let words = ["--client-secret-file", &file, "--client-auth", method];
        let words = login(&server, method, &words);
        log_in(&home, &Visitor::default(), &words).0.succeeded();
        home.token(&["--force-refresh"]);
        home.latch(&["logout"]).succeeded();
        for route in ["token", "revocation"] {
            let requests = server.asked(route).into_iter();
            let sent: Vec<_> = requests
                .filter(|seen| seen["client_id"] == method)
                .map(|seen| seen["authentication"].clone())
                .collect();
            assert_eq!(sent, [method, method], "{route}");
        }
    }
}

#[test]
fn a_wrong_client_secret_is_refused_and_not_repeated() {
    let features = r#"{"pushedAuthorizationRequests":{"enabled":false}}"#;
    let server = Server::oidc_provider_with_features(features);
    let home = Home::new();
    let mut command = home.command(&login(&server, "client_secret_basic", &[]));
    let pending = Pending::start(command.env("LATCH_CLIENT_SECRET", "something else"));
    let page = visit(&Visitor::default(), &pending);
    let run = pending.finish().failed(4, "provider-refused").saying(&["invalid_client"]);
    assert!(page.body.contains("Login failed"), "{}", page.body);
    assert!(!run.stderr.contains("something else") && !page.body.contains("something else"));
}

#[test]
fn a_resource_is_asked_for_again_at_every_renewal() {
    let server = Server::oidc_provider();
    let home = Home::new();
    let resource = "https://jwt.example/";
    let words = login(&server, "public", &["--scope", "read", "--resource", resource]);
    log_in(&home, &Visitor::default(), &words).0.succeeded();
    for token in [home.token(&[]), home.token(&["--force-refresh"])] {
        assert_eq!(part(&token, 1)["aud"], resource);
    }
    let asked = server.asked("token");
    let resources: Vec<_> = asked.iter().map(|seen| seen["resource"].clone()).collect();
    assert_eq!(resources, [resource, resource]);
}

#[test]
fn logging_out_tells_which_token_the_provider_cannot_revoke() {
    let server = Server::oidc_provider();
    let home = Home::new();
    let words = ["--scope", "read", "--resource", "https://jwt.example/"];
    let words = login(&server, "public", &words);
    log_in(&home, &Visitor::default(), &words).0.succeeded();
    let report = home.latch(&["logout", "--json"]).succeeded().json();
    assert_eq!(report[0]["revoked"], json!(["refresh token"]));
    assert_eq!(report[0]["not_revoked"][0]["token"], "access token");
    assert!(home.session_files().is_empty());
}

#[test]
fn a_resource_that_the_provider_does_not_know_is_refused() {
    let server = Server::oidc_provider();
    let words = login(&server, "public", &["--resource", "https://other.example/"]);
    // Before any browser opens.
    let run = Home::new().latch(&words);
    run.failed(4, "provider-refused").saying(&["invalid_target"]);
}

#[test]
fn two_logins_at_once_do_not_disturb_each_other() {
    let server = Server::oidc_provider();
    let home = Home::new();
    let begin = |profile| {
        Pending::start(&mut home.command(&login(&server, "public", &["--profile", profile])))
    };
    let (first, second) = (begin("first"), begin("second"));
    visit(&named("second"), &second);
    visit(&named("first"), &first);
    first.finish().succeeded();
    second.finish().succeeded();
    for name in ["first", "second"] {
        let claims = home.latch(&["whoami", "--json", "--profile", name]).succeeded().json();
        assert_eq!(claims["sub"], name);
    }
}

#[test]
fn the_browser_may_be_any_command() {
    let server = Server::oidc_provider();
    let home = Home::new();
    let browser = format!("{} --name 'Grace Hopper'", visitor());
    let words = ["login", "--issuer", server.issuer(), "--client-id", "public"];
    let words = [&words[..], &["--scope", "openid", "--browser", &browser]].concat();
    home.latch(&words).succeeded();
    assert_eq!(home.latch(&["whoami", "--json"]).succeeded().json()["sub"], "Grace Hopper");
}

/// The scripted visitor as one word of a command.
fn visitor() -> String {
    latchstring::words::quote(&built("visitor").to_string_lossy()).expect("a path")
}

/// A part of a signed token, as only a test may believe it.
fn part(token: &str, position: usize) -> Value {
    let part = token.split('.').nth(position).expect("a part");
    let part = URL_SAFE_NO_PAD.decode(part).expect("base64url");
    serde_json::from_slice(&part).expect("JSON")
}

#[test]
fn a_logout_ends_the_session_at_the_provider_in_a_browser_where_asked() {
    let server = Server::oidc_provider();
    let home = logged_in(&server);
    let id_token = home.latch(&["token", "--json"]).json()["id_token"].clone();
    let words = ["logout", "--end-session", "--browser", "true"];
    let logout = Pending::start(&mut home.command(&words));
    // What others can read on the browser's command line names nobody.
    assert_eq!(logout.url.host_str(), Some("127.0.0.1"));
    assert!(!logout.url.as_str().contains(id_token.as_str().expect("an ID token")));
    let page = get(&logout.url);
    logout.finish().succeeded().saying(&["Logged out of the profile default"]);
    let way_on = page.header("location").expect("a way on");
    assert!(way_on.starts_with(&format!("{}/session/end?", server.issuer())), "{way_on}");
    let question = server.get(way_on.strip_prefix(server.issuer()).expect("its own"), "");
    assert_eq!(question.status, 200);
    assert!(question.body.contains("name=\"logout\""), "{}", question.body);
}

#[test]
fn nothing_is_opened_where_nobody_asked_for_it() {
    let server = Server::oidc_provider();
    let home = logged_in(&server);
    let run = home.latch(&["logout"]).succeeded();
    assert!(!run.stderr.contains("http"), "{}", run.stderr);
}

#[test]
fn an_authorization_request_is_pushed_so_that_the_address_holds_nothing() {
    for is_required in [false, true] {
        let features = json!({ "pushedAuthorizationRequests": {
            "enabled": true,
            "requirePushedAuthorizationRequests": is_required,
        } });
        let server = Server::oidc_provider_with_features(&features.to_string());
        let home = Home::new();
        // Refused before any browser opens.
        let run = home.latch(&login(&server, "client_secret_basic", &[]));
        run.failed(4, "provider-refused").saying(&["invalid_client"]);
        log_in(&home, &Visitor::default(), &login(&server, "public", &[])).0.succeeded();
        assert_eq!(server.asked("pushed_authorization_request").len(), 2);
        home.token(&["--force-refresh"]);
    }
}
