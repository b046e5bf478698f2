//! Tokens for several audiences from one login (RFC 8707 §2.2).

use std::thread;

use latchstring_testing::Home;
use latchstring_testing::api::{Api, answer};
use latchstring_testing::session::Session;

const ONE: &str = "https://one.example";
const TWO: &str = "https://two.example";

fn home() -> Home {
    let home = Home::new();
    home.login_with(&["--resource", ONE, "--resource", TWO, "--api-origin", ONE]);
    home
}

/// What each refresh asked for: the resources, or the audience.
fn refreshed(home: &Home) -> Vec<String> {
    let asked = home.asked("/token");
    let refreshes = asked.iter().filter(|one| one.parameter("refresh_token").is_some());
    let wanted = refreshes.map(|one| one.parameter("resource").or(one.parameter("audience")));
    wanted.map(|wanted| wanted.unwrap_or_default().to_owned()).collect()
}

#[test]
fn one_login_gives_a_token_for_each_resource() {
    let home = home();
    let own = home.token(&[]);
    let one = home.token(&["--resource", ONE]);
    let two = home.token(&["--resource", TWO]);
    assert!(own != one && one != two && two != own);
    for _ in 0..2 {
        assert_eq!(home.token(&["--resource", ONE]), one);
        assert_eq!(home.token(&["--resource", TWO]), two);
        assert_eq!(home.token(&[]), own);
    }
    assert_eq!(refreshed(&home), [ONE, TWO]);
}

#[test]
fn an_audience_is_named_as_the_provider_expects_it() {
    let home = home();
    let token = home.token(&["--audience", "billing"]);
    assert_eq!(home.token(&["--audience", "billing"]), token);
    home.latch(&["profile", "add", "default", "--audience", "shipping"]).succeeded();
    assert_ne!(home.token(&[]), token);
    assert_eq!(refreshed(&home), ["billing", "shipping"]);
    let both = home.latch(&["token", "--resource", ONE, "--audience", "billing"]);
    both.failed(2, "invalid-configuration").saying(&["not for both"]);
}

#[test]
fn a_resource_that_the_login_did_not_cover_is_refused_and_costs_nothing() {
    let home = home();
    let token = home.token(&[]);
    let run = home.latch(&["token", "--resource", "https://three.example"]);
    run.failed(3, "login-required").saying(&[
        "no token for https://three.example",
        "latch login --resource https://one.example --resource https://two.example --resource \
         https://three.example",
    ]);
    assert_eq!(home.token(&[]), token);
}

#[test]
fn sixteen_callers_refresh_once() {
    let home = home();
    home.token(&["--resource", ONE]);
    Session::read(&home.session_file()).later(7200).write();
    thread::scope(|scope| {
        let run = || scope.spawn(|| home.token(&["--resource", ONE]));
        let tokens: Vec<String> = (0..16)
            .map(|_| run())
            .collect::<Vec<_>>()
            .into_iter()
            .map(|run| run.join().expect("a token"))
            .collect();
        assert!(tokens.iter().all(|token| *token == tokens[0]));
    });
    assert_eq!(refreshed(&home), [ONE, ONE]);
}

#[test]
fn a_request_goes_to_the_resource_with_its_token() {
    let api = Api::start(|_, stream| answer(stream, "200 OK", b"welcome"));
    let home = Home::new();
    home.login_with(&["--resource", api.origin(), "--resource", TWO]);
    let own = home.token(&[]);
    home.latch(&["request", "GET", api.origin(), "--resource", api.origin()]).succeeded();
    let token = home.token(&["--resource", api.origin()]);
    assert_ne!(token, own);
    assert_eq!(api.log()[0].header("authorization"), Some(format!("Bearer {token}").as_str()));
}

#[test]
fn a_logout_revokes_the_tokens_of_all_audiences() {
    let home = home();
    let tokens = [home.token(&[]), home.token(&["--resource", ONE])];
    home.latch(&["logout"]).succeeded();
    let revoked = home.asked("/revoke");
    for token in tokens {
        assert!(revoked.iter().any(|one| one.parameter("token") == Some(&token)));
    }
}

#[test]
fn helpers_ask_for_an_audience_and_an_id_token_has_its_own() {
    let home = home();
    let ask = |words: &[&str]| home.latch(&[&["credential"], words].concat());
    let run = ask(&["npm", "--resource", ONE]).succeeded();
    let token = home.token(&["--resource", ONE]);
    assert_eq!(run.stdout.trim(), format!("Bearer {token}"));
    let run = ask(&["--audience", "cluster", "kubernetes", "--access-token"]).succeeded();
    assert!(run.stdout.contains(&home.token(&["--audience", "cluster"])));
    ask(&["kubernetes", "--audience", "cluster"])
        .failed(2, "invalid-configuration")
        .saying(&["an ID token is for its client"]);
    // What the profile says is for access tokens.
    home.latch(&["profile", "add", "default", "--audience", "billing"]).succeeded();
    ask(&["kubernetes"]).succeeded();
    home.latch(&["whoami"]).succeeded();
    home.latch(&["token", "--id-token"]).succeeded();
    assert_eq!(refreshed(&home), [ONE, "cluster"]);
}
