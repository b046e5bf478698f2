//! Hexclave, which used to be called Stack Auth: a page of the project's own, and
//! a poll.

use std::fs;

use latchstring_provider::dialects::{AUTHGATE, HEXCLAVE};
use latchstring_provider::port::free_port;
use latchstring_provider::{ForgedSession, Misbehaviour, Options, Provider, Seen};
use latchstring_testing::system::Scene;
use latchstring_testing::{refusing, run};
use serde_json::{Value, json};

const BEGIN: &str = "/api/v1/auth/cli";
const POLL: &str = "/api/v1/auth/cli/poll";
const REFRESH: &str = "/api/v1/auth/sessions/current/refresh";
const SESSION: &str = "/api/v1/auth/sessions/current";
const ME: &str = "/api/v1/users/me";

fn scene() -> Scene {
    Scene::new(&HEXCLAVE)
}

/// A scene with Ada's session taken over, for what begins after a login.
fn logged_in() -> Scene {
    let scene = scene();
    take_over(&scene);
    scene
}

pub(crate) fn take_over(scene: &Scene) {
    let file = scene.home.file("token", &file_of(&scene.forge("")));
    scene.import(&[&file]).succeeded();
}

/// The shortest file that a session is taken over from.
pub(crate) fn file_of(session: &ForgedSession) -> String {
    session.refresh_token.clone()
}

fn has_header(seen: &Seen, name: &str) -> bool {
    seen.header(name).is_some()
}

#[test]
fn a_user_confirms_the_login_on_the_projects_page() {
    let scene = scene();
    let pending = scene.start_login(&[]);
    assert!(pending.url.path().ends_with("/handler/cli-auth-confirm"), "{}", pending.url);
    let page = pending.visit();
    assert!(page.body.contains("CLI Authorization Successful"), "{}", page.body);
    let words = ["Only confirm the login if you started it yourself", "Logged in as Ada Lovelace"];
    pending.finish().succeeded().saying(&words);
    for path in [BEGIN, POLL, REFRESH, ME] {
        let seen = &scene.asked(path)[0];
        assert!(has_header(seen, "x-hexclave-project-id"), "{seen:?}");
        assert!(has_header(seen, "x-hexclave-access-type"), "{seen:?}");
        assert!(!has_header(seen, "x-hexclave-publishable-client-key"), "{seen:?}");
    }
    let renewal = &scene.asked(REFRESH)[0];
    assert!(has_header(renewal, "x-hexclave-refresh-token"), "{renewal:?}");
    let begin = scene.asked_once(BEGIN);
    assert_eq!(begin.names(), ["expires_in_millis"]);
    assert_eq!(begin.header("content-type"), Some("application/json"));
    let who = scene.latch(&["whoami", "--json"]).succeeded().json();
    assert_eq!(who["display_name"], "Ada Lovelace");
    assert_eq!(who["primary_email"], "ada.lovelace@example.com");
}

#[test]
fn the_headers_that_the_api_wants_are_printed() {
    let scene = logged_in();
    let token = scene.token(&[]);
    let headers = scene.token(&["--output", "header"]);
    let expected = format!(
        "X-Hexclave-Project-Id: demo-project\n\
         X-Hexclave-Access-Type: client\n\
         X-Hexclave-Access-Token: {token}"
    );
    assert_eq!(headers, expected);
}

#[test]
fn the_api_is_asked_with_the_projects_headers() {
    let scene = logged_in();
    let me = format!("{}{ME}", scene.standin.url());
    let answer = scene.latch(&["request", "GET", &me]).succeeded().json();
    assert_eq!(answer["display_name"], "Ada Lovelace");
    let seen = scene.asked(ME).pop().expect("a request");
    assert!(has_header(&seen, "x-hexclave-access-token"), "{seen:?}");
    assert!(!has_header(&seen, "authorization"), "{seen:?}");
}

#[test]
fn older_servers_get_every_header_under_its_old_name() {
    let scene = scene();
    let file = scene.home.file("token", &scene.forge("").refresh_token);
    let key = "publishable-client-key=pck-demo";
    scene.import(&[&file, "--set", "headers=stack", "--set", key]).succeeded();
    scene.latch(&["whoami"]).succeeded();
    scene.latch(&["logout"]).succeeded();
    for seen in scene.standin.log() {
        assert!(has_header(&seen, "x-stack-publishable-client-key"), "{seen:?}");
        assert!(!seen.headers.iter().any(|(name, _)| name.starts_with("x-hexclave-")), "{seen:?}");
    }
}

#[test]
fn logout_ends_the_session_at_the_server() {
    let scene = logged_in();
    let access_token = scene.token(&[]);
    let report = scene.latch(&["logout", "--json"]).succeeded().json();
    assert_eq!(report[0]["revoked"], json!(["refresh token"]));
    assert_eq!(report[0]["not_revoked"], json!([]));
    let seen = scene.asked_once(SESSION);
    assert_eq!(seen.method, "DELETE");
    assert!(has_header(&seen, "x-hexclave-refresh-token"), "{seen:?}");
    assert!(!access_token.is_empty() && scene.home.session_files().is_empty());
    scene.latch(&["token"]).failed(3, "login-required");
}

#[test]
fn logout_of_a_session_that_the_server_has_ended_leaves_nothing_to_worry_about() {
    let scene = logged_in();
    scene.standin.revoke_all();
    let report = scene.latch(&["logout", "--json"]).succeeded().json();
    assert_eq!(report[0]["revoked"], json!(["refresh token"]));
    assert!(scene.asked(SESSION).is_empty());
}

#[test]
fn logout_forgets_the_session_even_where_the_server_is_down() {
    let scene = logged_in();
    scene.misbehaves(Misbehaviour::Down);
    scene.latch(&["logout"]).failed(7, "unreachable").saying(&["stays valid at the provider"]);
    assert!(scene.home.session_files().is_empty());
}

#[test]
fn a_login_that_the_server_calls_expired_is_over() {
    let scene = scene();
    scene.misbehaves(Misbehaviour::PollExpired);
    let login = run(&mut scene.login_command(&[]));
    login.failed(5, "timed-out").saying(&["the login was not confirmed in time", "log in again"]);
    assert_eq!(scene.asked(POLL).len(), 1);
}

#[test]
fn a_login_that_another_program_has_taken_is_over_and_says_why() {
    let scene = scene();
    scene.misbehaves(Misbehaviour::PollUsed);
    let login = run(&mut scene.login_command(&[]));
    login
        .failed(4, "provider-refused")
        .saying(&["another program has already completed this login"]);
    assert_eq!(scene.asked(POLL).len(), 1);
    assert!(scene.home.session_files().is_empty());
}

#[test]
fn a_server_that_knows_nothing_of_the_login_ends_it() {
    let port = free_port();
    let options = || Options { port, ..Options::default() };
    let mut scene = Scene::with(&HEXCLAVE, options());
    let pending = scene.start_login(&[]);
    // Another server takes the place of the first, which remembered it.
    scene.standin = Provider::like(&AUTHGATE, Options::default()).expect("a stand-in");
    scene.standin = Provider::like(&HEXCLAVE, options()).expect("a stand-in");
    let words = ["INVALID_POLLING_CODE", "does not know this login"];
    pending.finish().failed(4, "provider-refused").saying(&words);
}

#[test]
fn a_login_whose_page_is_closed_ends_when_its_time_is_over() {
    let scene = scene();
    let (pending, page) = scene.visit_in_time(&refusing());
    assert!(page.body.contains("CLI Authorization Cancelled"), "{}", page.body);
    pending.finish().failed(5, "timed-out").saying(&["the login was not confirmed in time"]);
}

#[cfg(unix)]
#[test]
fn whoever_closed_the_page_may_try_again_at_a_terminal() {
    use latchstring_testing::tty::Tty;
    let scene = scene();
    let mut command = scene.login_command(&["--timeout", "1", "--plain"]);
    command.env_remove("LATCH_TIMEOUT");
    let mut tty = Tty::start(command);
    tty.until("The login was not confirmed in time.");
    tty.until("Press Enter");
    assert_eq!(scene.asked(BEGIN).len(), 1);
    tty.clear();
    tty.types("");
    tty.until("/handler/cli-auth-confirm?login_code=");
    assert_eq!(scene.asked(BEGIN).len(), 2);
}

#[test]
fn a_project_that_wants_its_publishable_key_says_so() {
    let options = Options { requires_publishable_key: true, ..Options::default() };
    let scene = Scene::with(&HEXCLAVE, options);
    let words = ["PUBLISHABLE_CLIENT_KEY_REQUIRED_FOR_PROJECT", "publishable client key"];
    run(&mut scene.login_command(&[])).failed(4, "provider-refused").saying(&words);
    let wrong = ["--set", "publishable-client-key=another"];
    run(&mut scene.login_command(&wrong))
        .failed(4, "provider-refused")
        .saying(&["INVALID_PUBLISHABLE_CLIENT_KEY"]);
    let file = scene.home.file("token", &scene.forge("").refresh_token);
    scene.import(&[&file, "--set", "publishable-client-key=pck-demo"]).succeeded();
    scene.latch(&["whoami"]).succeeded();
    assert!(has_header(&scene.asked(ME)[0], "x-hexclave-publishable-client-key"));
    let headers = scene.token(&["--output", "header"]);
    assert!(headers.contains("X-Hexclave-Publishable-Client-Key: pck-demo"), "{headers}");
}

#[test]
fn a_server_of_ones_own_may_lie_under_a_path() {
    let scene = scene();
    let base = format!("base-url={}/auth/", scene.standin.url());
    let login = run(&mut scene.login_command(&["--set", &base]));
    login.failed(6, "invalid-token-response").saying(&["check the base URL"]);
    assert_eq!(scene.standin.log()[0].path, "/auth/api/v1/auth/cli");
}

/// The file of the official program, as text.
fn credentials(refresh_token: &str) -> String {
    json!({ "STACK_CLI_REFRESH_TOKEN": refresh_token, "STACK_API_URL": "kept" }).to_string()
}

#[test]
fn the_official_programs_session_is_taken_over_from_its_file() {
    let scene = scene();
    let folder = scene.home.path(".config/stack-auth");
    fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("credentials.json");
    let text = credentials(&scene.forge("").refresh_token);
    fs::write(&file, &text).expect("a file");
    let imported = scene.import(&[]).succeeded();
    imported.saying(&["Imported", "credentials.json", "It is still there"]);
    assert_eq!(fs::read_to_string(&file).expect("a file"), text);
    let who = scene.latch(&["whoami", "--json"]).succeeded().json();
    assert_eq!(who["display_name"], "Ada Lovelace");

    scene.import(&["--remove"]).succeeded().saying(&["It was deleted there"]);
    let left: Value =
        serde_json::from_str(&fs::read_to_string(&file).expect("a file")).expect("JSON");
    assert_eq!(left, json!({ "STACK_API_URL": "kept" }));
}

#[test]
fn the_file_that_a_variable_names_goes_before_the_usual_one() {
    for name in ["HEXCLAVE_CLI_CONFIG_PATH", "STACK_CLI_CONFIG_PATH"] {
        let scene = scene();
        let text = json!({ "HEXCLAVE_CLI_REFRESH_TOKEN": scene.forge("").refresh_token });
        let file = scene.home.file("elsewhere.json", &text.to_string());
        let mut command = scene.command("import", &["--remove"]);
        run(command.env(name, &file)).succeeded().saying(&["elsewhere.json"]);
        assert!(!scene.home.path("elsewhere.json").exists());
        scene.token(&["--verify"]);
    }
}

#[test]
fn a_file_with_nothing_but_a_refresh_token_is_taken_over() {
    let scene = scene();
    let file = scene.home.file("token", &format!("{}\n", scene.forge("").refresh_token));
    scene.import(&[&file, "--remove"]).succeeded();
    assert!(!scene.home.path("token").exists());
    scene.token(&["--verify"]);
}
