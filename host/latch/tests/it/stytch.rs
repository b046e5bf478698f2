//! Stytch Connected Apps: JSON to the token endpoint, any port of 127.0.0.1, and
//! a page of one's own to log in on.

use latchstring_provider::Misbehaviour;
use latchstring_provider::dialects::STYTCH;
use latchstring_testing::http;
use latchstring_testing::system::Scene;

fn scene() -> Scene {
    Scene::new(&STYTCH)
}

#[test]
fn two_logins_at_once_come_back_to_different_ports() {
    let (one, two) = (scene(), scene());
    let (one, two) = (one.start_login(&[]), two.start_login(&[]));
    assert_ne!(one.port(), two.port());
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
}

#[cfg(target_os = "linux")]
mod keyring {
    use super::*;
    use latchstring_testing::desktop::Desktop;
    use latchstring_testing::{Run, run};

    const TOKEN: &str = "/v1/public/demo-project/oauth2/token";
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
        // Its age is unknown, so it was refreshed.
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
        import(&scene, &desktop, &["--remove"]).succeeded().saying(&["It was deleted there"]);
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
