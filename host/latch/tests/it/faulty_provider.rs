//! A provider that is broken, hostile or away.

use latchstring_provider::port::free_port;
use latchstring_provider::{Answer, Fault, Options};
use latchstring_testing::session::Session;
use latchstring_testing::{Home, Run, run};
use serde_json::{Value, json};

const METADATA: [&str; 2] =
    ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"];

/// A fault at both places of the metadata.
fn metadata(fault: impl Fn(&str) -> Fault) -> Vec<Fault> {
    METADATA.iter().map(|path| fault(path)).collect()
}

#[test]
fn metadata_that_cannot_be_used_is_named_field_by_field() {
    let html = |path: &str| Fault::answer(path, 200, "text/html", "<html>\u{1b}[2J</html>");
    let redirect = |path: &str| Fault::instead(path, Answer::redirect("https://evil.example/"));
    let rows: Vec<(Vec<Fault>, &str, &[&str])> = vec![
        (metadata(html), "invalid-metadata", &["the metadata cannot be read"]),
        (metadata(redirect), "invalid-metadata", &["status 303"]),
        (
            metadata(|path| Fault::flood(path, 100 << 20)),
            "invalid-metadata",
            &["more than 1048576 bytes"],
        ),
        (
            metadata(|path| Fault::answer(path, 404, "text/plain", "")),
            "invalid-metadata",
            &["publishes no metadata"],
        ),
        (vec![Fault::other_issuer()], "invalid-metadata", &["issuer", "https://other.example"]),
        (vec![Fault::metadata("issuer", Value::Null)], "invalid-metadata", &["issuer"]),
        (vec![Fault::metadata("issuer", json!(7))], "invalid-metadata", &["the metadata"]),
        (
            vec![Fault::missing_endpoint("authorization_endpoint")],
            "invalid-metadata",
            &["authorization_endpoint"],
        ),
        (vec![Fault::missing_endpoint("token_endpoint")], "invalid-metadata", &["token_endpoint"]),
        (
            vec![Fault::plain_http_endpoint("token_endpoint")],
            "invalid-metadata",
            &["token_endpoint", "expected https"],
        ),
        (
            vec![Fault::plain_http_endpoint("authorization_endpoint")],
            "invalid-metadata",
            &["authorization_endpoint", "expected https"],
        ),
        (
            vec![Fault::metadata("authorization_endpoint", json!("javascript:alert(1)"))],
            "invalid-metadata",
            &["authorization_endpoint", "expected https"],
        ),
        (
            vec![Fault::metadata("token_endpoint", json!("https://user:pw@id.example/"))],
            "invalid-metadata",
            &["token_endpoint", "user name or password"],
        ),
    ];
    let home = Home::new();
    for (faults, code, words) in rows {
        faults.into_iter().for_each(|fault| home.provider.misbehave(fault));
        let run = run(&mut home.login_command(&[])).failed(6, code).saying(words);
        assert!(!run.stderr.contains('\u{1b}') && !run.stderr.contains("pw@"), "{}", run.stderr);
        home.provider.behave();
    }
    assert!(home.asked("/authorize").is_empty() && home.session_files().is_empty());
}

#[test]
fn one_good_document_of_the_two_is_enough() {
    let home = Home::new();
    home.provider.misbehave(Fault::answer(METADATA[0], 404, "text/plain", ""));
    home.login();
    home.token(&["--force-refresh"]);
}

#[test]
fn a_provider_that_cannot_be_reached_is_named_with_what_to_try() {
    let home = Home::new();
    let closed = free_port();
    let provider = home.provider.issuer().trim_start_matches("http://");
    let rows = [
        (format!("http://127.0.0.1:{closed}"), format!("127.0.0.1:{closed}"), "refused"),
        ("https://nonexistent.invalid".into(), "nonexistent.invalid:443".into(), "name not found"),
        (format!("https://{provider}"), provider.to_owned(), "TLS"),
    ];
    for (issuer, host, reason) in rows {
        let login = ["login", "--no-browser", "--issuer", &issuer, "--client-id", "demo"];
        let run = home.latch(&login).failed(7, "unreachable").saying(&[&host, reason]);
        assert!(run.stderr.lines().last().is_some_and(|line| line.contains("check")));
        let run = home.latch(&[&login[..], &["--json"]].concat()).failed(7, "unreachable");
        assert_eq!(run.json_error()["retryable"], true);
    }
}

#[test]
fn a_provider_that_hangs_up_is_named() {
    let home = Home::new();
    let host = home.provider.issuer().trim_start_matches("http://").to_owned();
    home.provider.misbehave(Fault::hang_up(METADATA[0]));
    run(&mut home.login_command(&[])).failed(7, "unreachable").saying(&[&host]);
    home.provider.behave();
    home.provider.misbehave(Fault::hang_up("/token"));
    let pending = home.start_login(&[]);
    assert_eq!(pending.visit().status, 500);
    pending.finish().failed(7, "unreachable").saying(&[&host, "token endpoint"]);
}

#[test]
fn a_provider_that_is_busy_may_be_asked_again() {
    let home = Home::new();
    for status in [429, 500, 503] {
        home.provider.misbehave(Fault::answer(METADATA[0], status, "text/plain", ""));
        home.provider.misbehave(Fault::answer(METADATA[1], status, "text/plain", ""));
        let run = run(&mut home.login_command(&["--json"])).failed(7, "provider-unavailable");
        assert_eq!(run.json_error()["retryable"], true);
        home.provider.behave();
    }
}

/// A login at a provider that goes wrong once the user has come back.
fn login_with(faults: Vec<Fault>) -> (Home, Run) {
    let home = Home::new();
    faults.into_iter().for_each(|fault| home.provider.misbehave(fault));
    let pending = home.start_login(&[]);
    let page = pending.visit();
    let run = pending.finish();
    assert_eq!(page.status == 200, run.code == 0, "{}", run.stderr);
    assert!(run.code == 0 || page.body.contains("Login failed"), "{}", page.body);
    assert!(run.code == 0 || home.session_files().is_empty());
    assert!(run.code == 0 || !home.config_file().exists());
    (home, run)
}

#[test]
fn an_id_token_that_fails_any_check_is_no_login() {
    let claim = |name: &str, value: Value| vec![Fault::claim(name, value)];
    let rows: Vec<(Vec<Fault>, &str)> = vec![
        (vec![Fault::wrong_nonce()], "another login's nonce"),
        (claim("nonce", Value::Null), "has no nonce"),
        (vec![Fault::wrong_audience()], "meant for another client"),
        (claim("aud", json!(["demo", "another"])), "azp"),
        (claim("azp", json!("another")), "azp"),
        (vec![Fault::expired_id_token()], "has expired"),
        (claim("exp", Value::Null), "has no exp"),
        (claim("iat", Value::Null), "has no iat"),
        (claim("iat", json!(99_999_999_999_u64)), "not valid yet"),
        (claim("iss", json!("https://other.example")), "from the issuer"),
        (claim("sub", Value::Null), "has no sub"),
        (claim("at_hash", json!("AAAAAAAAAAAAAAAAAAAAAA")), "at_hash"),
        (vec![Fault::alg_none()], "signed with none"),
        (vec![Fault::hs256_with_public_key()], "signed with HS256"),
        (vec![Fault::tampered_signature()], "published keys"),
        (vec![Fault::member("/token", "id_token", json!("x"))], "not a signed token"),
        (vec![Fault::member("/token", "id_token", Value::Null)], "no ID token"),
    ];
    for (faults, word) in rows {
        let (_, run) = login_with(faults);
        run.failed(6, "invalid-id-token").saying(&[word]);
    }
}

#[test]
fn a_key_set_that_cannot_be_used_is_no_login() {
    for fault in [
        Fault::answer("/jwks", 200, "text/html", "<html>"),
        Fault::flood("/jwks", 100 << 20),
        Fault::member("/jwks", "keys", json!([])),
    ] {
        login_with(vec![fault]).1.failed(6, "invalid-id-token");
    }
}

#[test]
fn a_key_that_was_published_a_moment_late_is_found_at_the_second_look() {
    let home = Home::new();
    home.provider.misbehave(Fault::stale_keys().times(1));
    home.login();
    assert_eq!(home.asked("/jwks").len(), 2);
}

#[test]
fn a_rotated_key_is_fetched_at_the_next_renewal() {
    let home = Home::new();
    home.login();
    home.provider.rotate_keys();
    home.token(&["--force-refresh"]);
    assert_eq!(home.asked("/jwks").len(), 2);
    home.token(&["--force-refresh"]);
    assert_eq!(home.asked("/jwks").len(), 2);
}

#[test]
fn a_token_response_that_cannot_be_used_is_no_login() {
    let member = |name: &str, value: Value| Fault::member("/token", name, value);
    for (fault, word) in [
        (Fault::answer("/token", 200, "text/html", "<html>"), "cannot be read"),
        (Fault::answer("/token", 404, "text/plain", ""), "404"),
        (Fault::flood("/token", 100 << 20), "1048576"),
        (member("access_token", Value::Null), "access_token"),
        (member("access_token", json!("a\r\nSet-Cookie: b")), "access_token"),
        (member("token_type", json!("mac\u{1b}[2J")), "token_type"),
    ] {
        let run = login_with(vec![fault]).1.failed(6, "invalid-token-response").saying(&[word]);
        assert!(!run.stderr.contains(['\u{1b}', '\r']), "{:?}", run.stderr);
    }
}

#[test]
fn a_hostile_error_of_the_token_endpoint_reaches_the_terminal_escaped() {
    let (_, run) = login_with(vec![Fault::hostile_token_error()]);
    let run = run.failed(4, "provider-refused").saying(&["invalid_grant", "\\u{1b}"]);
    assert!(!run.stderr.contains(['\u{1b}', '\u{7}', '\r']), "{:?}", run.stderr);
}

#[test]
fn userinfo_about_somebody_else_is_not_believed() {
    let home = Home::new();
    home.login();
    home.provider.misbehave(Fault::other_userinfo_subject());
    home.latch(&["whoami"]).failed(6, "invalid-userinfo").saying(&["sub"]);
    home.provider.behave();
    home.latch(&["whoami"]).succeeded();
}

#[test]
fn an_outage_at_a_renewal_keeps_the_session() {
    let home = Home::new();
    home.login();
    let before = Session::read(&home.session_file());
    let faults = [
        (Fault::answer("/token", 503, "text/plain", "later"), "provider-unavailable"),
        (Fault::hang_up("/token"), "unreachable"),
    ];
    for (fault, code) in faults {
        home.provider.misbehave(fault);
        let run = home.latch(&["token", "--force-refresh", "--json"]).failed(7, code);
        assert_eq!(run.json_error()["retryable"], true);
        assert_eq!(run.stdout, "");
        assert_eq!(Session::read(&home.session_file()).inner, before.inner);
        home.provider.behave();
    }
    home.token(&["--force-refresh"]);
}

#[test]
fn an_outage_is_bridged_as_long_as_the_token_is_good() {
    // Stale from six seconds before its end on, which is far off.
    let home = Home::with(Options { expires_in: Some(60), ..Options::default() });
    home.login();
    let token = home.token(&[]);
    home.provider.misbehave(Fault::answer("/token", 503, "text/plain", "later"));
    assert_eq!(home.token(&["--min-ttl", "30"]), token);
    home.latch(&["token", "--force-refresh"]).failed(7, "provider-unavailable");
}

#[test]
fn a_session_that_the_provider_has_ended_is_forgotten() {
    let home = Home::new();
    home.login();
    home.provider.misbehave(Fault::hostile_token_error());
    let run = home.latch(&["token", "--force-refresh"]).failed(3, "login-required");
    assert!(!run.stderr.contains(['\u{1b}', '\u{7}', '\r']), "{:?}", run.stderr);
    assert!(home.session_files().is_empty());
    home.provider.behave();
    home.latch(&["token"]).failed(3, "login-required");
    home.login();
    home.token(&[]);
}

#[test]
fn a_renewal_that_brings_somebody_elses_id_token_is_refused() {
    let home = Home::new();
    home.login();
    for claim in ["sub", "iss", "aud"] {
        home.provider.misbehave(Fault::claim(claim, json!("https://other.example")));
        let run = home.latch(&["token", "--force-refresh"]).failed(6, "invalid-id-token");
        assert_eq!(run.stdout, "");
        home.provider.behave();
    }
    home.token(&["--force-refresh"]);
}

#[test]
fn a_redirect_of_the_token_endpoint_is_not_followed() {
    let home = Home::new();
    home.login();
    let elsewhere = format!("{}/elsewhere", home.provider.issuer());
    for status in [302, 307, 308] {
        let answer = Answer { status, ..Answer::redirect(&elsewhere) };
        home.provider.misbehave(Fault::instead("/token", answer));
        home.latch(&["token", "--force-refresh"]).failed(6, "invalid-token-response");
        home.provider.behave();
    }
    assert!(home.asked("/elsewhere").is_empty());
    home.token(&["--force-refresh"]);
}
