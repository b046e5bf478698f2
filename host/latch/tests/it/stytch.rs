//! Stytch Connected Apps: JSON to the token endpoint, any port of 127.0.0.1, and
//! a page of one's own to log in on.

use latchstring_provider::visitor::Visitor;
use latchstring_standins::{Misbehaviour, Options, System};
use latchstring_testing::session::Session;
use latchstring_testing::system::Scene;
use latchstring_testing::{Run, http, refusing, run};

const TOKEN: &str = "/v1/public/demo-project/oauth2/token";
const REVOKE: &str = "/v1/public/demo-project/oauth2/revoke";
const USERINFO: &str = "/v1/public/demo-project/oauth2/userinfo";

const JSON: Option<&str> = Some("application/json");

fn scene() -> Scene {
    Scene::new(System::Stytch)
}

fn logged_in() -> Scene {
    let scene = scene();
    scene.login();
    scene
}

#[test]
fn a_login_speaks_json_with_the_projects_own_endpoints() {
    let scene = scene();
    let pending = scene.start_login(&[]);
    assert_eq!(pending.url.path(), "/oauth/authorize");
    assert_eq!(pending.parameter("scope"), "offline_access");
    assert_eq!(pending.parameter("code_challenge_method"), "S256");
    assert!(pending.parameter("state").len() > 20);
    let redirect = pending.redirect_uri();
    assert_eq!((redirect.host_str(), redirect.path()), (Some("127.0.0.1"), "/callback"));
    pending.visit();
    pending.finish().succeeded().saying(&["Logged in"]);
    let seen = scene.asked_once(TOKEN);
    assert_eq!(seen.content_type.as_deref(), JSON);
    for name in ["client_id", "code", "code_verifier", "grant_type"] {
        assert!(seen.parameters.iter().any(|sent| sent == name), "{seen:?}");
    }
}

#[test]
fn two_logins_at_once_come_back_to_different_ports() {
    let (one, two) = (scene(), scene());
    let (one, two) = (one.start_login(&[]), two.start_login(&[]));
    assert_ne!(one.port(), two.port());
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
fn an_expired_token_is_renewed_in_json_and_the_refresh_token_replaced() {
    let scene = Scene::with(System::Stytch, Options { access_ttl: Some(0), ..Options::default() });
    scene.login();
    let refresh_token =
        || Session::read(&scene.home.session_file()).inner["refresh_token"].to_string();
    let first = refresh_token();
    let token = scene.latch(&["token", "--json"]).succeeded().json();
    assert_eq!(token["source"], "renewed");
    assert_ne!(refresh_token(), first);
    assert!(scene.asked(TOKEN).iter().all(|seen| seen.content_type.as_deref() == JSON));
}

#[test]
fn a_refresh_token_that_was_replaced_is_worth_nothing() {
    let scene = logged_in();
    let old = Session::read(&scene.home.session_file());
    scene.token(&["--force-refresh"]);
    old.write();
    scene.latch(&["token", "--force-refresh"]).failed(3, "login-required").saying(&["latch login"]);
}

#[test]
fn an_answer_without_a_refresh_token_leaves_the_old_one() {
    let scene = logged_in();
    scene.misbehaves(Misbehaviour::OmitRefreshToken);
    let tokens = [(); 2].map(|()| scene.token(&["--force-refresh"]));
    assert_ne!(tokens[0], tokens[1]);
}

#[test]
fn whoami_tells_what_stytch_says_of_the_person() {
    let scene = scene();
    let login = scene.login_with(&["--scope", "profile"]);
    assert!(login.stderr.contains("Logged in as Ada Lovelace"), "{}", login.stderr);
    let who = scene.latch(&["whoami", "--json"]).succeeded().json();
    assert_eq!(who["name"], "Ada Lovelace");
    assert!(!scene.asked(USERINFO).is_empty());
}

#[test]
fn logout_revokes_both_tokens_in_json() {
    let scene = logged_in();
    scene.latch(&["logout"]).succeeded().saying(&["Logged out"]);
    let seen = scene.asked(REVOKE);
    assert_eq!(seen.len(), 2);
    for seen in seen {
        assert_eq!(seen.content_type.as_deref(), JSON);
        assert!(seen.parameters.iter().any(|sent| sent == "client_id"), "{seen:?}");
    }
    scene.latch(&["token"]).failed(3, "login-required");
}

#[test]
fn the_api_that_the_application_protects_is_asked_where_its_origin_is_allowed() {
    let scene = scene();
    // The stand-in plays both; the API is at another origin than Stytch.
    let elsewhere = http::forward_to(scene.standin.url().trim_start_matches("http://"));
    let resources = format!("{elsewhere}/api/resources");
    scene.login();
    scene
        .latch(&["request", "GET", &resources])
        .failed(6, "egress-denied")
        .saying(&["--allow-origin"]);
    assert!(scene.asked("/api/resources").is_empty());
    let allowed = ["request", "GET", &resources, "--allow-origin", &elsewhere];
    let answer = scene.latch(&allowed).succeeded().json();
    assert_eq!(answer["resources"][0]["name"], "First resource");
    scene.login_with(&["--api-origin", &elsewhere]);
    scene.latch(&["request", "GET", &resources]).succeeded();
}

#[test]
fn an_api_that_refuses_the_token_gets_a_renewed_one() {
    let scene = scene();
    let origin = scene.standin.url().to_owned();
    scene.login_with(&["--api-origin", &origin]);
    let first = scene.token(&[]);
    scene.misbehaves(Misbehaviour::ExpireAccess);
    let resources = format!("{origin}/api/resources");
    scene.latch(&["request", "GET", &resources]).succeeded();
    assert_eq!(scene.asked("/api/resources").len(), 2);
    assert_ne!(scene.token(&[]), first);
    scene.standin.revoke_all();
    let run = scene.latch(&["request", "GET", &resources]);
    run.failed(3, "login-required").saying(&["log in with: latch login"]);
}

#[test]
fn a_session_that_was_revoked_asks_for_a_login() {
    let scene = logged_in();
    scene.standin.revoke_all();
    scene.latch(&["token", "--verify"]).failed(3, "login-required");
}

#[test]
fn a_page_that_does_not_send_the_state_back_finishes_nothing_and_says_why() {
    let scene = scene();
    scene.misbehaves(Misbehaviour::NoStateEcho);
    let (pending, page) = scene.visit_in_time(&Visitor::default());
    assert_eq!(page.status, 400);
    assert!(page.body.contains("state"), "{}", page.body);
    pending.finish().failed(5, "timed-out").saying(&["state"]);
    assert!(scene.asked(TOKEN).is_empty());
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
fn a_client_that_stytch_does_not_know_is_refused_before_anybody_logs_in() {
    let scene = scene();
    let pending = scene.start_login(&["--set", "client-id=another"]);
    let page = pending.visit();
    assert_eq!(page.status, 400);
    assert!(page.body.contains("This client is not known here"), "{}", page.body);
}

#[test]
fn what_stytch_refuses_is_told_in_its_own_words() {
    let scene = scene();
    let pending = scene.start_login(&["--set", "project-id=another"]);
    pending.visit();
    pending.finish().failed(4, "provider-refused").saying(&["project_not_found"]);
    let pending = scene.start_login(&[]);
    scene.misbehaves(Misbehaviour::CodeExpired);
    pending.visit();
    pending.finish().failed(4, "provider-refused").saying(&["invalid_grant"]);
}

#[test]
fn settings_that_are_missing_are_named() {
    let scene = scene();
    let words = ["login", "--provider", "stytch", "--no-browser"];
    let rows = [
        ("authorize-url", "asks the person for consent", "STYTCH_AUTHORIZE_URL"),
        ("client-id", "Connected App", "STYTCH_CLIENT_ID"),
        ("project-id", "the project's id", "STYTCH_PROJECT_ID"),
    ];
    let mut given = Vec::new();
    for (name, about, variable) in rows {
        let run = scene.latch(&[&words[..], &given].concat());
        run.failed(2, "invalid-configuration").saying(&[name, about, variable]);
        given.extend([
            "--set",
            match name {
                "authorize-url" => "authorize-url=http://127.0.0.1:1/authorize",
                _ => "client-id=cli-app",
            },
        ]);
    }
    assert_eq!(scene.requests(), 0);
}

#[cfg(target_os = "linux")]
mod keyring {
    use super::*;
    use latchstring_testing::desktop::Desktop;

    const TOKENS: [(&str, &str); 2] =
        [("stytch-cli", "stytch-useraccess_token"), ("stytch-cli", "stytch-userrefresh_token")];

    fn import(scene: &Scene, desktop: &Desktop, extra: &[&str]) -> Run {
        run(desktop.join(&mut scene.command("import", extra)))
    }

    #[test]
    fn the_two_entries_of_stytchs_own_program_are_taken_over() {
        let (scene, desktop) = (scene(), Desktop::new());
        let session = scene.forge("offline_access");
        desktop.keep(TOKENS[0], &session.access_token);
        desktop.keep(TOKENS[1], &session.refresh_token);
        let words = ["Imported", "stytch-useraccess_token", "stytch-userrefresh_token"];
        import(&scene, &desktop, &[]).succeeded().saying(&words);
        assert_eq!(desktop.kept(TOKENS[0]).as_deref(), Some(&*session.access_token));
        assert_eq!(desktop.kept(TOKENS[1]).as_deref(), Some(&*session.refresh_token));
        // Nobody knows its age, so it was renewed.
        assert_eq!(scene.asked(TOKEN).len(), 1);
        let mut token = scene.home.command(&["token"]);
        run(desktop.join(&mut token)).succeeded();
    }

    #[test]
    fn both_entries_go_where_they_are_to_be_removed() {
        let (scene, desktop) = (scene(), Desktop::new());
        let session = scene.forge("offline_access");
        desktop.keep(TOKENS[0], &session.access_token);
        desktop.keep(TOKENS[1], &session.refresh_token);
        import(&scene, &desktop, &["--remove"]).succeeded().saying(&["no longer kept there"]);
        assert_eq!(TOKENS.map(|token| desktop.kept(token)), [None, None]);
    }

    #[test]
    fn a_session_that_is_over_stays_where_it_is() {
        let (scene, desktop) = (scene(), Desktop::new());
        let session = scene.forge("offline_access");
        desktop.keep(TOKENS[1], &session.refresh_token);
        scene.standin.revoke_all();
        import(&scene, &desktop, &["--remove"]).failed(3, "login-required");
        assert_eq!(desktop.kept(TOKENS[1]).as_deref(), Some(&*session.refresh_token));
    }

    #[test]
    fn a_keyring_without_an_entry_is_told_by_its_entries() {
        let (scene, desktop) = (scene(), Desktop::new());
        let words = ["there is no session to import", "stytch-useraccess_token"];
        import(&scene, &desktop, &[]).failed(3, "login-required").saying(&words);
    }
}
