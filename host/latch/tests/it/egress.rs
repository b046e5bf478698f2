//! Where requests go, and where they do not.

use latchstring_provider::Fault;
use latchstring_testing::http::{Trap, forward_to};
use latchstring_testing::session::Session;
use latchstring_testing::{Home, Pending};
use serde_json::json;

/// A session whose token endpoint lies on another origin than its issuer.
fn home_with_two_origins() -> (Home, String) {
    let home = Home::new();
    let origin = forward_to(home.provider.issuer().trim_start_matches("http://"));
    let endpoint = format!("{origin}/token");
    home.provider.misbehave(Fault::metadata("token_endpoint", json!(endpoint)));
    home.login();
    (home, origin)
}

#[test]
fn metadata_on_loopback_may_name_another_loopback_origin() {
    let (home, origin) = home_with_two_origins();
    home.token(&[]);
    let session = Session::read(&home.session_file());
    assert_eq!(session.inner["token_endpoint"], format!("{origin}/token"));
}

#[test]
fn what_the_metadata_named_still_holds_in_later_runs() {
    let (home, origin) = home_with_two_origins();
    home.provider.behave();
    home.token(&["--force-refresh"]);
    let session = Session::read(&home.session_file());
    let pinned = session.header["origins"].as_array().expect("origins");
    assert!(pinned.contains(&json!(origin)), "{pinned:?}");
    home.token(&["--force-refresh"]);
    assert_eq!(home.asked("/.well-known/openid-configuration").len(), 1);
}

#[test]
fn an_origin_that_nobody_pinned_is_not_asked_whatever_the_component_says() {
    let home = Home::new();
    home.login();
    let trap = Trap::set();
    let good = Session::read(&home.session_file());
    for (endpoint, command) in
        [("token_endpoint", &["token", "--force-refresh"][..]), ("userinfo_endpoint", &["whoami"])]
    {
        let mut session = Session::read(&home.session_file());
        session.inner[endpoint] = json!(format!("{}/steal", trap.origin()));
        session.write();
        let run = home.latch(command).failed(6, "egress-denied").saying(&[&trap.origin()]);
        assert_eq!(run.stdout, "");
        good.write();
    }
    let mut session = Session::read(&home.session_file());
    session.inner["revocation_endpoint"] = json!(format!("{}/steal", trap.origin()));
    session.write();
    let run = home.latch(&["logout"]).failed(7, "unreachable");
    run.saying(&["stays valid", &trap.origin()]);
    assert!(trap.is_untouched());
}

#[test]
fn plain_http_to_another_machine_is_not_asked_even_where_a_file_pins_it() {
    let home = Home::new();
    home.login();
    let mut session = Session::read(&home.session_file());
    session.inner["token_endpoint"] = json!("http://192.0.2.1/token");
    session.write();
    home.latch(&["token", "--force-refresh"]).failed(6, "egress-denied").saying(&["https"]);
    session.header["origins"] = json!(["http://192.0.2.1", home.provider.issuer()]);
    session.write();
    home.latch(&["token", "--force-refresh"]).failed(8, "stored-damaged");
}

#[test]
fn a_login_starts_with_no_pins_of_an_earlier_one() {
    let (home, origin) = home_with_two_origins();
    home.provider.behave();
    home.login();
    let session = Session::read(&home.session_file());
    let pinned = session.header["origins"].as_array().expect("origins");
    assert!(!pinned.contains(&json!(origin)), "{pinned:?}");
}

#[test]
fn endpoints_given_by_hand_need_no_metadata() {
    let home = Home::new();
    let issuer = home.provider.issuer().to_owned();
    let at = |path: &str| format!("{issuer}{path}");
    let (authorize, token, revoke) = (at("/authorize"), at("/token"), at("/revoke"));
    let words = [
        "login",
        "--no-browser",
        "--client-id",
        "demo",
        "--scope",
        "offline_access",
        "--authorization-endpoint",
        &authorize,
        "--token-endpoint",
        &token,
        "--revocation-endpoint",
        &revoke,
    ];
    let pending = Pending::start(&mut home.command(&words));
    assert_eq!(pending.visit().status, 200);
    pending.finish().succeeded();
    home.token(&["--force-refresh"]);
    home.latch(&["logout"]).succeeded();
    assert_eq!(home.asked("/revoke").len(), 2);
    assert!(home.asked("/.well-known/openid-configuration").is_empty());
}

#[test]
fn what_was_sent_where_is_told_where_asked_without_queries() {
    let home = Home::new();
    let login = home.login_with(&["-v"]);
    let issuer = home.provider.issuer();
    for path in ["/.well-known/openid-configuration", "/token", "/jwks"] {
        let line = format!("{issuer}{path} -> 200 in ");
        assert!(login.stderr.contains(&line), "{line} in {}", login.stderr);
    }
}
