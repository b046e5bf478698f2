//! A session from its login to its logout.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use latchstring_provider::{ClientAuthentication, Fault, Options, Provider};
use latchstring_testing::alone::test_name;
use latchstring_testing::session::Session;
use latchstring_testing::{Home, Pending, SCOPES, block_on, http, named, refusing, run};
use serde_json::json;

fn with_secret(authentication: ClientAuthentication) -> Home {
    Home::with(Options { authentication, ..Options::default() })
}

#[test]
fn a_login_gives_a_token_and_asking_for_it_again_asks_nobody() {
    let home = Home::new();
    let login = home.login();
    assert!(login.stderr.contains("Logged in as Ada Lovelace"), "{}", login.stderr);
    assert_eq!(login.stdout, "");
    let asked = home.provider.log().len();
    let token = home.token(&[]);
    assert!(!token.is_empty());
    assert_eq!(home.token(&[]), token);
    assert_eq!(home.token(&["--output", "header"]), format!("Authorization: Bearer {token}"));
    assert_eq!(home.provider.log().len(), asked);
}

#[test]
fn a_login_and_its_token_are_told_in_json_where_asked() {
    let home = Home::new();
    let login = home.login_with(&["--json"]).json();
    assert_eq!(login["issuer"], home.provider.issuer());
    assert_eq!(login["client_id"], "demo");
    assert_eq!(login["profile"], "default");
    assert_eq!(login["name"], "Ada Lovelace <ada.lovelace@example.com>");
    assert_eq!(login["renewable"], true);
    assert_eq!(login["store"], "file");
    assert_eq!(login["place"], home.session_file().display().to_string());
    let token = home.latch(&["token", "--json"]).succeeded().json();
    assert_eq!(token["access_token"], home.token(&[]));
    assert_eq!(token["token_type"], "Bearer");
    assert_eq!(token["source"], "cached");
    assert_eq!(token["scopes"], json!(SCOPES));
    for time in ["expires_at", "renew_at"] {
        assert!(token[time].as_str().is_some_and(|time| time.ends_with('Z')), "{token}");
    }
}

#[test]
fn a_forced_renewal_brings_another_token_and_rotates_the_refresh_token() {
    let home = Home::new();
    home.login();
    let first = home.token(&[]);
    let before = Session::read(&home.session_file());
    let second = home.token(&["--force-refresh"]);
    assert_ne!(first, second);
    assert_eq!(home.token(&[]), second);
    let third = home.token(&["--force-refresh"]);
    assert_ne!(second, third);
    let presented: Vec<_> = home
        .asked("/token")
        .iter()
        .filter_map(|seen| seen.parameter("refresh_token").map(str::to_owned))
        .collect();
    assert_eq!(presented.len(), 2);
    assert_eq!(presented[0], before.inner["refresh_token"]);
    assert_ne!(presented[0], presented[1]);
}

#[test]
fn a_provider_that_keeps_its_refresh_tokens_is_asked_with_the_same_again() {
    let home = Home::with(Options { rotates_refresh_tokens: Some(false), ..Options::default() });
    home.login();
    let tokens = [home.token(&["--force-refresh"]), home.token(&["--force-refresh"])];
    assert_ne!(tokens[0], tokens[1]);
}

#[test]
fn a_token_that_does_not_live_long_enough_is_renewed() {
    let home = Home::new();
    home.login();
    let first = home.token(&[]);
    assert_eq!(home.token(&["--min-ttl", "60"]), first);
    let later = home.token(&["--min-ttl", "3590"]);
    assert_eq!(later, first, "a token that is as good as new");
    Session::read(&home.session_file()).later(3000).write();
    let renewed = home.token(&["--min-ttl", "3500"]);
    assert_ne!(renewed, first);
    // No token of this provider lives that long: it is not asked for another one.
    let run = home.latch(&["token", "--min-ttl", "86400"]).succeeded();
    assert_eq!(run.stdout.trim_end(), renewed);
    run.saying(&["86400 s were requested", "a new one may not be valid for longer"]);
}

#[test]
fn an_expired_token_is_renewed_without_being_asked_for() {
    let home = Home::with(Options { expires_in: Some(0), ..Options::default() });
    home.login();
    let token = home.latch(&["token", "--json"]).succeeded().json();
    assert_eq!(token["source"], "renewed");
}

#[test]
fn a_token_that_expires_at_once_and_cannot_be_renewed_is_used_all_the_same() {
    let home = Home::with(Options { expires_in: Some(0), ..Options::default() });
    let issuer = home.provider.issuer();
    let login = ["login", "--no-browser", "--issuer", issuer, "--client-id", "demo"];
    let pending = Pending::start(&mut home.command(&login));
    pending.visit();
    pending.finish().succeeded();
    assert!(!home.token(&[]).is_empty());
}

#[test]
fn without_a_refresh_token_an_expired_session_asks_for_a_login_and_opens_nothing() {
    let home = Home::new();
    let issuer = home.provider.issuer();
    let login = ["login", "--no-browser", "--issuer", issuer, "--client-id", "demo"];
    let pending = Pending::start(&mut home.command(&login));
    pending.visit();
    pending.finish().succeeded().saying(&["--scope offline_access"]);
    Session::read(&home.session_file()).later(3600).write();
    let asked = home.provider.log().len();
    home.latch(&["token"]).failed(3, "login-required").saying(&["log in with: latch login"]);
    assert_eq!(home.provider.log().len(), asked);
}

#[test]
fn whoami_tells_what_the_provider_says_of_the_user() {
    let home = Home::new();
    home.login();
    let claims = home.latch(&["whoami", "--json"]).succeeded().json();
    assert_eq!(claims["name"], "Ada Lovelace");
    assert_eq!(claims["email"], "ada.lovelace@example.com");
    assert!(claims["sub"].is_string());
    let words = home.latch(&["whoami"]).succeeded().stdout;
    assert!(words.contains("Ada Lovelace"), "{words}");
    assert_eq!(home.asked("/userinfo").len(), 2);
}

#[test]
fn status_tells_who_where_and_for_how_long_and_asks_nobody() {
    let home = Home::new();
    home.login();
    let asked = home.provider.log().len();
    let rows = home.latch(&["status", "--json"]).succeeded().json();
    let row = &rows[0];
    assert_eq!(rows.as_array().map(Vec::len), Some(1));
    assert_eq!(row["profile"], "default");
    assert_eq!(row["logged_in"], true);
    assert_eq!(row["issuer"], home.provider.issuer());
    assert_eq!(row["token"], "fresh");
    assert!(row["expires_at"].is_string() && row["logged_in_at"].is_string(), "{row}");
    let words = home.latch(&["status"]).succeeded().stdout;
    for part in ["default", "Ada Lovelace", home.provider.issuer(), "demo", "good, expires in"] {
        assert!(words.contains(part), "{words}");
    }
    for secret in Session::read(&home.session_file()).secrets() {
        assert!(!words.contains(&secret) && !rows.to_string().contains(&secret));
    }
    assert_eq!(home.provider.log().len(), asked);
}

#[test]
fn status_without_a_session_says_so_by_its_exit_code() {
    let home = Home::new();
    let run = home.latch(&["status", "--json"]).failed(3, "login-required");
    assert_eq!(run.json(), json!([]));
}

#[test]
fn logout_revokes_both_tokens_and_forgets_the_session() {
    let home = Home::new();
    home.login();
    let session = Session::read(&home.session_file());
    let report = home.latch(&["logout", "--json"]).succeeded().json();
    assert_eq!(report[0]["revoked"], json!(["refresh token", "access token"]));
    let revoked: Vec<_> = home
        .asked("/revoke")
        .iter()
        .filter_map(|seen| seen.parameter("token").map(str::to_owned))
        .collect();
    assert_eq!(
        json!(revoked),
        json!([session.inner["refresh_token"], session.inner["access_token"]])
    );
    assert!(home.session_files().is_empty());
    home.latch(&["token"]).failed(3, "login-required");
    home.latch(&["whoami"]).failed(3, "login-required");
    home.latch(&["logout"]).succeeded().saying(&["was not logged in"]);
}

#[test]
fn logout_forgets_the_session_in_any_case_and_fails_if_tokens_stay_valid() {
    type Failing = fn() -> Fault;
    let refused = || Fault::answer("/revoke", 400, "application/json", "{\"error\":\"no\"}");
    let rows: [(Failing, i32, &str); 3] = [
        (|| Fault::hang_up("/revoke"), 7, "unreachable"),
        (|| Fault::answer("/revoke", 503, "text/html", "down"), 7, "unreachable"),
        (refused, 4, "provider-refused"),
    ];
    for (fault, exit, code) in rows {
        let home = Home::new();
        home.login();
        let expires_at = home.latch(&["token", "--json"]).succeeded().json()["expires_at"].clone();
        home.provider.misbehave(fault());
        let run = home.latch(&["logout"]).failed(exit, code);
        let until = format!(
            "the access token stays valid at the provider until {}",
            expires_at.as_str().expect("a time")
        );
        run.saying(&[
            "Logged out",
            &until,
            "the refresh token stays valid at the provider until it",
        ]);
        assert!(home.session_files().is_empty());

        home.provider.behave();
        home.login();
        home.provider.misbehave(fault());
        let run = home.latch(&["logout", "--all", "--json"]);
        assert_eq!((run.code, &run.json_error()["code"]), (exit, &json!(code)));
        let report = run.json();
        assert_eq!(report[0]["revoked"], json!([]));
        assert_eq!(report[0]["not_revoked"][0]["token"], "refresh token");
        assert!(report[0]["not_revoked"][1]["valid_until"].is_string(), "{report}");
        assert!(home.session_files().is_empty());
    }
}

#[test]
fn whoever_refuses_is_not_logged_in() {
    let home = Home::new();
    let pending = home.start_login(&[]);
    let page = pending.visit_as(&refusing());
    assert_eq!(page.status, 403);
    assert!(page.body.contains("Login refused"), "{}", page.body);
    pending.finish().failed(4, "access-denied").saying(&["the user refused"]);
    assert!(home.session_files().is_empty());
    assert!(!home.config_file().exists());
}

#[test]
fn a_refusal_keeps_the_session_that_was_there() {
    let home = Home::new();
    home.login();
    let token = home.token(&[]);
    let pending = home.start_login(&[]);
    pending.visit_as(&refusing());
    pending.finish().failed(4, "access-denied");
    assert_eq!(home.token(&[]), token);
}

#[test]
fn a_login_that_nobody_finishes_times_out() {
    let home = Home::new();
    let run = run(&mut home.login_command(&["--timeout", "0"]));
    run.failed(5, "timed-out").saying(&[home.provider.issuer()]);
    assert!(home.session_files().is_empty());
}

#[test]
fn a_secret_from_the_environment_goes_by_the_method_that_the_provider_prefers() {
    let home = with_secret(ClientAuthentication::ClientSecretBasic("s3cret:/+&%".into()));
    let mut login = home.login_command(&[]);
    let pending = Pending::start(login.env("LATCH_CLIENT_SECRET", "s3cret:/+&%"));
    pending.visit();
    pending.finish().succeeded();
    let expected = STANDARD.encode("demo:s3cret%3A%2F%2B%26%25");
    let seen = &home.asked("/token")[0];
    assert_eq!(seen.header("authorization"), Some(&*format!("Basic {expected}")));
    assert_eq!(seen.parameter("client_secret"), None);
    let mut token = home.command(&["token", "--force-refresh"]);
    run(token.env("LATCH_CLIENT_SECRET", "s3cret:/+&%")).succeeded();
    assert!(!home.config().contains("s3cret"));
}

#[test]
fn a_secret_from_a_file_is_remembered_by_its_path() {
    let home = with_secret(ClientAuthentication::ClientSecretPost("s3cret".into()));
    let file = home.file("secret", "s3cret\n");
    home.login_with(&["--client-secret-file", &file]);
    let seen = &home.asked("/token")[0];
    assert_eq!(seen.parameter("client_secret"), Some("s3cret"));
    assert_eq!(seen.header("authorization"), None);
    home.token(&["--force-refresh"]);
    home.latch(&["logout"]).succeeded();
    assert_eq!(home.asked("/revoke").len(), 2);
    assert!(home.config().contains(&file) && !home.config().contains("s3cret"));
}

#[test]
fn a_wrong_secret_is_the_providers_refusal_and_leaves_nothing() {
    let home = with_secret(ClientAuthentication::ClientSecretPost("s3cret".into()));
    let file = home.file("secret", "wrong");
    let pending = home.start_login(&["--client-secret-file", &file]);
    assert_eq!(pending.visit().status, 500);
    let run = pending.finish().failed(4, "provider-refused").saying(&["invalid_client"]);
    assert!(!run.stderr.contains("wrong"), "{}", run.stderr);
    assert!(home.session_files().is_empty());
}

#[test]
fn a_login_is_remembered_under_its_profile() {
    let home = Home::new();
    home.login();
    let issuer = home.provider.issuer();
    let profile = home.latch(&["profile", "show", "--json"]).succeeded().json();
    assert_eq!(profile["issuer"], issuer);
    assert_eq!(profile["client_id"].as_str().or(profile["client-id"].as_str()), Some("demo"));
    assert_eq!(profile["scopes"], json!(SCOPES));
    let again = Pending::start(&mut home.command(&["login", "--no-browser"]));
    again.visit();
    again.finish().succeeded();
    assert_eq!(home.session_files().len(), 1);
}

#[test]
fn profiles_have_sessions_of_their_own() {
    let home = Home::new();
    let other = Provider::start(Options::default()).expect("a provider");
    home.login();
    let pending = home.start_login(&["--profile", "work"]);
    pending.visit_as(&named("Grace Hopper"));
    pending.finish().succeeded();
    assert_ne!(home.token(&[]), home.token(&["--profile", "work"]));
    let claims = home.latch(&["whoami", "--json", "--profile", "work"]).succeeded().json();
    assert_eq!(claims["name"], "Grace Hopper");

    let third = ["login", "--no-browser", "--profile", "third", "--client-id", "demo"];
    let mut third = home.command(&third);
    let pending = Pending::start(third.args(["--issuer", other.issuer()]));
    pending.visit();
    pending.finish().succeeded();
    assert_eq!(home.session_files().len(), 3);

    home.latch(&["logout", "--profile", "work"]).succeeded();
    home.latch(&["token", "--profile", "work"]).failed(3, "login-required");
    home.token(&[]);
    home.latch(&["logout", "--all"]).succeeded().saying(&["default", "third"]);
    assert!(home.session_files().is_empty());
}

#[test]
fn a_second_login_replaces_the_first() {
    let home = Home::new();
    home.login();
    let pending = home.start_login(&[]);
    pending.visit_as(&named("Grace Hopper"));
    pending.finish().succeeded();
    let rows = home.latch(&["status", "--json"]).succeeded().json();
    assert_eq!(rows.as_array().map(Vec::len), Some(1));
    assert!(rows[0]["name"].as_str().is_some_and(|name| name.contains("Grace Hopper")), "{rows}");
}

#[test]
fn two_logins_at_once_do_not_disturb_each_other() {
    let home = Home::new();
    let (one, two) = (home.start_login(&[]), home.start_login(&["--profile", "two"]));
    let crossed = http::get(&two.answer().join("/callback?state=x&code=y").expect("URL"));
    assert_eq!(crossed.status, 400);
    assert_eq!(two.visit_as(&named("Grace Hopper")).status, 200);
    assert_eq!(one.visit().status, 200);
    one.finish().succeeded().saying(&["Ada Lovelace"]);
    two.finish().succeeded().saying(&["Grace Hopper"]);
    assert_ne!(home.token(&[]), home.token(&["--profile", "two"]));
}

/// What `--browser` runs in the test below: this very program, told to run this
/// test alone, with the address for a last word. Otherwise it does nothing.
#[test]
fn this_program_plays_the_browser() {
    let last = std::env::args().next_back().unwrap_or_default();
    if last.starts_with("http://") {
        block_on(named("Ada of the browser").visit(&last)).expect("the last page");
    }
}

#[test]
fn a_browser_is_a_command_with_the_address_for_its_last_word() {
    let home = Home::new();
    let program = std::env::current_exe().expect("this program");
    let program = program.to_str().expect("its path");
    let test = test_name(module_path!(), "this_program_plays_the_browser");
    let words = [program, "--exact", &test];
    let browser = latchstring::words::join(words).expect("words");
    let mut arguments = home.login_arguments();
    arguments.retain(|word| word != "--no-browser");
    arguments.extend(["--browser".to_owned(), browser]);
    run(&mut home.command(&arguments)).succeeded().saying(&[
        "Your browser opens",
        "http://127.0.0.1",
        "Logged in as Ada of the browser",
    ]);
}

#[test]
fn a_browser_that_does_not_start_leaves_the_address_to_the_user() {
    let home = Home::new();
    let mut arguments = home.login_arguments();
    arguments.retain(|word| word != "--no-browser");
    arguments.extend(["--browser".to_owned(), "/nowhere/browser".to_owned()]);
    let pending = Pending::start(&mut home.command(&arguments));
    pending.visit();
    pending.finish().succeeded().saying(&["/nowhere/browser"]);
}

#[test]
fn a_redirect_path_that_no_login_comes_back_to_is_refused_by_its_flag() {
    let home = Home::new();
    for path in ["/latchstring/start", "/latchstring/startle", "/latchstring/"] {
        let words = home.login_arguments();
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        home.latch(&[&words[..], &["--redirect-path", path]].concat())
            .failed(2, "invalid-configuration")
            .saying(&[path, "--redirect-path"]);
        let issuer = home.provider.issuer();
        home.write_config(&format!(
            "[profile.default]\nissuer = \"{issuer}\"\nclient-id = \"demo\"\n\
             redirect-path = \"{path}\"\n"
        ));
        home.latch(&["login", "--no-browser"])
            .failed(2, "invalid-configuration")
            .saying(&[path, "--redirect-path"]);
    }
}
