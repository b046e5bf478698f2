//! The sessions of AuthGate's own programs, taken over.

use std::fs;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use latchstring_provider::dialects::AUTHGATE;
use latchstring_provider::{ForgedSession, Misbehaviour};
use latchstring_testing::Run;
use latchstring_testing::system::Scene;
use serde_json::{Value, json};

const SCOPE: &str = "openid profile email";
const NAME: &str = ".authgate-tokens.json";

fn scene() -> Scene {
    Scene::new(&AUTHGATE)
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970").as_secs()
}

/// What the Python program keeps: seconds as a number with a fraction.
fn of_python(session: &ForgedSession, expires_at: u64) -> Value {
    json!({
        "access_token": session.access_token,
        "refresh_token": session.refresh_token,
        "token_type": "Bearer",
        "expires_at": expires_at as f64 + 0.25,
        "client_id": "cli-app",
    })
}

/// The shell program: seconds as text, and more than that.
fn of_bash(session: &ForgedSession, expires_at: u64) -> Value {
    json!({
        "access_token": session.access_token,
        "refresh_token": session.refresh_token,
        "token_type": "Bearer",
        "expires_at": expires_at.to_string(),
        "expires_in": "3600",
        "scope": SCOPE,
        "id_token": "not looked at",
        "client_id": "cli-app",
    })
}

/// The Go program: a date, and fractions of a second in some time zone.
fn of_go(session: &ForgedSession, expires_at: u64) -> Value {
    let time = Timestamp::from_second(i64::try_from(expires_at).expect("a time")).expect("a time");
    let date = time.to_string().replace('Z', ".123456789+00:00");
    json!({
        "access_token": session.access_token,
        "refresh_token": session.refresh_token,
        "token_type": "Bearer",
        "expires_at": date,
        "scope": SCOPE,
        "id_token": "not looked at",
        "client_id": "cli-app",
    })
}

/// Their file: a document within a document for each client.
fn file_of(session: &Value) -> String {
    let others = json!({ "access_token": "of another client" }).to_string();
    let data = json!({ "cli-app": session.to_string(), "another-app": others });
    format!("{:#}", json!({ "data": data }))
}

/// Both the file of Python's program in this folder and that of the shell's at home.
fn files(scene: &Scene) -> [PathBuf; 2] {
    [scene.home.work_folder().join(NAME), scene.home.path(NAME)]
}

fn read(path: &PathBuf) -> String {
    fs::read_to_string(path).expect("a file")
}

#[track_caller]
fn expects(run: Run, session: &ForgedSession, expires_at: u64) {
    let token = run.succeeded().json();
    assert_eq!(token["source"], "cached");
    assert_eq!(token["access_token"], session.access_token);
    assert_eq!(token["scopes"], json!(["openid", "profile", "email"]));
    let found: Timestamp = token["expires_at"].as_str().expect("text").parse().expect("a date");
    assert_eq!(found.as_second(), i64::try_from(expires_at).expect("a time"));
}

#[test]
fn each_programs_form_is_read() {
    for form in [of_python, of_bash, of_go] {
        let (scene, end) = (scene(), now() + 3000);
        let session = scene.forge(SCOPE);
        let text = file_of(&form(&session, end));
        let file = scene.home.file("tokens.json", &text);
        let words = ["Imported the session of Ada Lovelace", "It is still there"];
        scene.import(&[&file]).succeeded().saying(&words);
        assert_eq!(read(&scene.home.path("tokens.json")), text);
        expects(scene.latch(&["token", "--json"]), &session, end);
        assert_ne!(scene.token(&["--force-refresh"]), session.access_token);
        scene.latch(&["logout"]).succeeded();
    }
}

#[test]
fn a_token_whose_time_is_over_is_renewed() {
    for form in [of_python, of_bash, of_go] {
        let scene = scene();
        let session = scene.forge(SCOPE);
        scene.misbehaves(Misbehaviour::ExpireAccess);
        let file = scene.home.file("tokens.json", &file_of(&form(&session, now() - 60)));
        scene.import(&[&file]).succeeded();
        assert_eq!(scene.asked("/oauth/token").len(), 1);
        assert_ne!(scene.token(&["--verify"]), session.access_token);
    }
}

#[test]
fn a_file_of_this_folder_is_only_read_if_it_is_named() {
    let (scene, end) = (scene(), now() + 3000);
    let (here, home) = (scene.forge(SCOPE), scene.forge(SCOPE));
    let paths = files(&scene);
    fs::write(&paths[0], file_of(&of_python(&here, end))).expect("a file");
    let words = ["in this folder was not read", "latch import .authgate-tokens.json"];
    scene.import(&[]).failed(3, "login-required").saying(&words);
    scene.latch(&["token"]).failed(3, "login-required");
    fs::write(&paths[1], file_of(&of_bash(&home, end))).expect("a file");
    scene
        .import(&["--remove"])
        .succeeded()
        .saying(&[&paths[1].display().to_string(), "It was deleted there"]);
    assert_eq!(scene.token(&[]), home.access_token);
    scene.import(&[NAME]).succeeded().saying(&[NAME]);
    assert_eq!(scene.token(&[]), here.access_token);
}

#[test]
fn what_is_removed_leaves_the_sessions_of_other_clients() {
    let scene = scene();
    let text = file_of(&of_python(&scene.forge(SCOPE), now() + 3000));
    let file = scene.home.file("tokens.json", &text);
    let before: Value = serde_json::from_str(&text).expect("JSON");
    scene.import(&[&file, "--remove"]).succeeded();
    let left: Value = serde_json::from_str(&read(&scene.home.path("tokens.json"))).expect("JSON");
    let others = &before["data"]["another-app"];
    assert_eq!(left, json!({ "data": { "another-app": others } }));
    assert_private(&scene.home.path("tokens.json"));

    let alone = json!({ "data": { "cli-app": of_python(&scene.forge(SCOPE), now()).to_string() } });
    let file = scene.home.file("alone.json", &alone.to_string());
    scene.import(&[&file, "--remove"]).succeeded();
    assert!(!scene.home.path("alone.json").exists());
}

#[cfg(unix)]
#[track_caller]
fn assert_private(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(path).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[cfg(not(unix))]
fn assert_private(_path: &std::path::Path) {}

#[test]
fn damaged_files_are_told_and_stay() {
    let scene = scene();
    let rows = [
        "{\"data\": {\"cli-app\": \"{\\\"access_tok".to_owned(),
        json!({ "data": { "cli-app": "no document" } }).to_string(),
        json!({ "data": { "cli-app": "{}" } }).to_string(),
        json!({ "data": { "cli-app": ["a", "b"] } }).to_string(),
        "access_token=x".to_owned(),
    ];
    for text in rows {
        let file = scene.home.file("tokens.json", &text);
        let words = ["tokens.json", "contains no session that can be read", "nothing was changed"];
        scene.import(&[&file, "--remove"]).failed(8, "stored-damaged").saying(&words);
        assert_eq!(read(&scene.home.path("tokens.json")), text);
    }
    let other = json!({ "data": { "another-app": "{}" } }).to_string();
    let file = scene.home.file("tokens.json", &other);
    scene.import(&[&file, "--remove"]).failed(3, "login-required").saying(&["tokens.json"]);
    assert_eq!(read(&scene.home.path("tokens.json")), other);
    assert!(scene.home.session_files().is_empty());
    assert_eq!(scene.requests(), 0);
}

#[test]
fn a_session_that_is_over_is_not_taken_over_whatever_its_file_says() {
    for end in [now() + 3000, now() - 60] {
        let scene = scene();
        let text = file_of(&of_python(&scene.forge(SCOPE), end));
        scene.standin.revoke_all();
        let file = scene.home.file("tokens.json", &text);
        let run = scene.import(&[&file, "--remove"]);
        run.failed(3, "login-required").saying(&["latch login --provider authgate"]);
        assert_eq!(read(&scene.home.path("tokens.json")), text);
        scene.latch(&["token"]).failed(3, "login-required");
    }
}

#[test]
fn a_session_that_is_over_does_not_take_the_place_of_a_good_one() {
    for end in [now() + 3000, now() - 60] {
        let scene = scene();
        scene
            .import(&[&scene
                .home
                .file("good.json", &file_of(&of_bash(&scene.forge(SCOPE), now() + 3000)))])
            .succeeded();
        let good = scene.token(&["--verify"]);
        let mut over = of_python(&scene.forge(SCOPE), end);
        over["access_token"] = "of nobody".into();
        over["refresh_token"] = "of nobody either".into();
        let run = scene.import(&[&scene.home.file("over.json", &file_of(&over))]);
        let words = ["The session that was stored here before is unchanged"];
        run.failed(3, "login-required").saying(&words);
        assert_eq!(scene.token(&["--verify"]), good);
    }
}

#[test]
fn a_server_that_cannot_be_asked_leaves_open_whether_the_session_works() {
    let scene = scene();
    let session = scene.forge(SCOPE);
    scene.misbehaves(Misbehaviour::UserinfoDown);
    let file = scene.home.file("tokens.json", &file_of(&of_python(&session, now() + 3000)));
    let report = scene.import(&[&file, "--json"]).succeeded().json();
    assert_eq!((&report["checked"], &report["removed"]), (&json!(false), &json!(false)));
    assert_eq!(scene.token(&[]), session.access_token);
    fs::remove_file(scene.home.session_file()).expect("a session");
    let run = scene.import(&[&file]).succeeded();
    run.saying(&["latch could not check whether it still works"]);
    assert_eq!(scene.token(&[]), session.access_token);
}

#[test]
fn a_session_that_cannot_be_checked_does_not_take_the_place_of_another() {
    let scene = scene();
    let import = |name: &str| {
        let session = of_python(&scene.forge(SCOPE), now() + 3000);
        scene.import(&[&scene.home.file(name, &file_of(&session))])
    };
    import("first.json").succeeded();
    let first = scene.token(&[]);
    scene.misbehaves(Misbehaviour::UserinfoDown);
    let words = ["The session that was stored here before is unchanged"];
    import("second.json").failed(7, "provider-unavailable").saying(&words);
    assert_eq!(scene.token(&[]), first);
}

#[cfg(target_os = "linux")]
mod keyring {
    use super::*;
    use latchstring_testing::desktop::Desktop;
    use latchstring_testing::run;

    const ENTRY: (&str, &str) = ("authgate", "cli-app");

    fn import(scene: &Scene, desktop: &Desktop, extra: &[&str]) -> Run {
        run(desktop.join(&mut scene.command("import", extra)))
    }

    #[test]
    fn the_keyring_goes_before_any_file() {
        let (scene, desktop, end) = (scene(), Desktop::new(), now() + 3000);
        let session = scene.forge(SCOPE);
        let text = of_python(&session, end).to_string();
        desktop.keep(ENTRY, &text);
        fs::write(&files(&scene)[0], "never read").expect("a file");
        import(&scene, &desktop, &[]).succeeded().saying(&["keyring", "authgate", "cli-app"]);
        assert_eq!(desktop.kept(ENTRY), Some(text));
        let mut token = scene.home.command(&["token", "--json"]);
        expects(run(desktop.join(&mut token)), &session, end);
    }

    #[test]
    fn an_entry_is_removed_and_those_of_other_clients_stay() {
        let (scene, desktop) = (scene(), Desktop::new());
        desktop.keep(ENTRY, &of_go(&scene.forge(SCOPE), now() + 3000).to_string());
        desktop.keep(("authgate", "another-app"), "of another client");
        import(&scene, &desktop, &["--remove"]).succeeded().saying(&["It was deleted there"]);
        assert_eq!(desktop.kept(ENTRY), None);
        let other = desktop.kept(("authgate", "another-app"));
        assert_eq!(other.as_deref(), Some("of another client"));
    }

    #[test]
    fn a_damaged_entry_and_one_whose_session_is_over_stay() {
        let (scene, desktop) = (scene(), Desktop::new());
        desktop.keep(ENTRY, "{\"access_tok");
        import(&scene, &desktop, &["--remove"]).failed(8, "stored-damaged");
        assert_eq!(desktop.kept(ENTRY).as_deref(), Some("{\"access_tok"));
        let text = of_python(&scene.forge(SCOPE), now() + 3000).to_string();
        desktop.keep(ENTRY, &text);
        scene.standin.revoke_all();
        import(&scene, &desktop, &["--remove"]).failed(3, "login-required");
        assert_eq!(desktop.kept(ENTRY), Some(text));
    }
}
