//! What is this host's own: what it is made of, what a sandbox changes, and that it
//! shares sessions with the native host.
#![cfg(unix)]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::thread;

use latchstring::capability::store::FileStore;
use latchstring::{Demand, Latch};
use latchstring_provider::visitor::{Browser, Visitor};
use latchstring_testing::http::get;
use latchstring_testing::session::Session;
use latchstring_testing::tty::Tty;
use latchstring_testing::{Home, Pending, SCOPES, block_on, busy_port, http, refusing, run};
use sha2::{Digest as _, Sha256};
use url::Url;
use wasmparser::{Parser, Payload};

/// A home for this host's program.
fn home() -> Home {
    Home::new().of(env!("CARGO_BIN_EXE_latch-wasi"))
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A login with nothing said about the browser, as a user at a terminal starts it.
fn login_arguments(home: &Home) -> Vec<String> {
    let mut words = home.login_arguments();
    words.retain(|word| word != "--no-browser");
    words
}

/// A login that waits at the local address, which it has printed.
fn start_login(home: &Home, extra: &[&str]) -> Pending {
    let mut command = home.command(&login_arguments(home));
    Pending::start(command.args(["--flow", "browser"]).args(extra))
}

/// An issuer with a public address, which no test ever asks.
const FAR: &str = "https://1.1.1.1";

/// The native host's client of the same session.
fn native(home: &Home) -> Latch {
    native_at(home, home.provider.issuer())
}

fn native_at(home: &Home, issuer: &str) -> Latch {
    Latch::builder(issuer, "demo")
        .scopes(SCOPES)
        .store(FileStore::new(home.state_folder()))
        .build()
        .expect("a client")
}

/// The extension of the only session's file changed.
fn beside_the_session(home: &Home, extension: &str) -> PathBuf {
    home.session_file().with_extension(extension)
}

// ---- What it is made of -------------------------------------------------------

#[test]
fn latch_wasm_imports_wasi_alone_and_is_a_command() {
    let (mut imports, mut exports, mut depth) = (Vec::new(), Vec::new(), 0);
    for payload in Parser::new(0).parse_all(latchstring_wasmtime::LATCH) {
        match payload.expect("a component") {
            // What is nested has imports and exports of its own.
            Payload::ComponentSection { .. } | Payload::ModuleSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 0 => imports.extend(
                section.into_iter().map(|item| item.expect("an import").name.name.to_owned()),
            ),
            Payload::ComponentExportSection(section) if depth == 0 => exports.extend(
                section.into_iter().map(|item| item.expect("an export").name.name.to_owned()),
            ),
            _ => {}
        }
    }
    let is_wasi = |name: &String| name.starts_with("wasi:");
    assert!(!imports.is_empty() && imports.iter().all(is_wasi), "{imports:?}");
    assert!(exports.len() == 1 && exports[0].starts_with("wasi:cli/run@0.2"), "{exports:?}");
}

#[test]
fn the_login_component_is_in_it_byte_for_byte() {
    let latch = latchstring_wasmtime::LATCH;
    let nested = Parser::new(0).parse_all(latch).filter_map(|payload| match payload {
        Ok(Payload::ComponentSection { unchecked_range, .. }) => Some(&latch[unchecked_range]),
        _ => None,
    });
    let flow = latchstring::component::LOGIN;
    assert_eq!(nested.filter(|bytes| *bytes == flow).count(), 1);
    let shown = home().latch(&["component", "--json"]).succeeded().json();
    assert_eq!(shown["sha256"], sha256(flow));
    assert_eq!(shown["bytes"], flow.len());
    assert_eq!(shown["exports"], serde_json::json!(["latchstring:login/flow@0.3.0"]));
    assert_eq!(shown["imports"], serde_json::json!([]));
}

// ---- Logging in ---------------------------------------------------------------

#[test]
fn a_user_opens_the_printed_address_and_is_logged_in() {
    let home = home();
    let login = start_login(&home, &[]);
    assert!(login.url.path().ends_with("/latchstring/start"), "{}", login.url);
    let page = login.visit();
    assert_eq!(page.status, 200);
    assert!(page.body.contains("You are logged in"), "{}", page.body);
    login.finish().succeeded().saying(&["Logged in as Ada Lovelace", "remembers this provider"]);
    let first = home.token(&[]);
    assert_eq!(home.token(&[]), first);
    let renewed = home.token(&["--force-refresh"]);
    assert_ne!(renewed, first);
    assert_eq!(
        home.latch(&["token", "--output", "header"]).stdout,
        format!("Authorization: Bearer {renewed}\n")
    );
    assert_eq!(home.latch(&["token", "--json"]).json()["source"], "cached");
    assert_eq!(home.latch(&["whoami", "--json"]).succeeded().json()["name"], "Ada Lovelace");
    assert_eq!(home.latch(&["status", "--json"]).succeeded().json()[0]["token"], "fresh");
    home.latch(&["logout"]).succeeded().saying(&["Logged out"]);
    home.latch(&["token"]).failed(3, "login-required").saying(&["log in with: latch login"]);
    assert!(home.session_files().is_empty());
}

#[test]
fn only_the_browser_that_opened_the_printed_address_finishes_the_login() {
    let home = home();
    let mut login = start_login(&home, &[]);
    // Somebody else follows the address, and brings the answer in a browser of
    // their own: state and code are right, and the cookie is missing.
    let sent_on = http::send(&login.url, "GET", &[]);
    let provider = Url::parse(sent_on.header("location").expect("a way on")).expect("an address");
    let form = [("name", "Mallory"), ("decision", "login")];
    let decided = block_on(Browser::default().post(provider.as_str(), &form)).expect("an answer");
    let callback = Url::parse(decided.header("location").expect("a redirect")).expect("an address");
    let answer = get(&callback);
    assert_eq!(answer.status, 403, "{answer:?}");
    assert!(
        answer.body.contains("This is not the browser that started the login"),
        "{}",
        answer.body
    );
    assert!(login.is_waiting() && home.asked("/token").is_empty());
    login.visit();
    login.finish().succeeded().saying(&["Ada Lovelace"]);
}

#[test]
fn whoever_says_no_is_taken_at_their_word() {
    let home = home();
    let login = start_login(&home, &[]);
    assert_eq!(login.visit_as(&refusing()).status, 403);
    login.finish().failed(4, "access-denied");
    assert!(home.session_files().is_empty());
}

#[test]
fn a_command_for_the_browser_is_told_to_be_of_no_use() {
    let home = home();
    let login = start_login(&home, &["--browser", "firefox"]);
    login.visit();
    login.finish().succeeded().saying(&["--browser firefox is not used"]);
}

#[test]
fn what_is_pasted_is_told_to_be_seen() {
    let home = home();
    let (taken, port) = busy_port();
    let words = [&login_arguments(&home)[..], &["--port".to_owned(), port.to_string()]].concat();
    let mut tty = Tty::start(home.command(&words));
    let screen = tty.until("clear the screen");
    assert!(screen.contains("is in use"), "{screen}");
    let url = screen.lines().find_map(|line| line.split_once("\u{1b}]8;;")).expect("a link").1;
    let url = url.split('\u{1b}').next().expect("an address").to_owned();
    let ending = thread::spawn(move || {
        let (mut stream, _) = taken.accept().expect("a browser");
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).expect("a request");
        let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
        line.split(' ').nth(1).expect("a target").to_owned()
    });
    // What the browser finds in the end is no page of anybody's.
    let _ = block_on(Visitor::default().visit(&url));
    let target = ending.join().expect("a target");
    tty.types(&format!("http://127.0.0.1:{port}{target}"));
    let run = tty.finish();
    assert_eq!(run.code, 0, "{}", run.stderr);
    home.token(&[]);
}

#[test]
fn where_nobody_can_be_asked_nobody_is() {
    let home = home();
    let words = login_arguments(&home);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    home.latch(&words).failed(3, "login-required").saying(&["no terminal"]);
}

// ---- Settings -----------------------------------------------------------------

#[test]
fn the_environment_says_what_the_command_line_does_not() {
    let home = home();
    let mut command = home.command(&["login"]);
    command
        .env("LATCH_ISSUER", home.provider.issuer())
        .env("LATCH_CLIENT_ID", "demo")
        .env("LATCH_SCOPE", "openid offline_access")
        .env("LATCH_NO_BROWSER", "1");
    let login = Pending::start(&mut command);
    login.visit();
    login.finish().succeeded();
    let config = home.config();
    assert!(config.contains("scopes = [\"openid\", \"offline_access\"]"), "{config}");
    let mut token = home.command(&["token"]);
    run(token.env("LATCH_OUTPUT", "json")).succeeded().json();
}

#[test]
fn presets_are_known_here_too() {
    let home = home();
    let run = home.latch(&["provider", "list"]).succeeded();
    assert!(run.stdout.contains("github"), "{}", run.stdout);
    home.write_config("[profile.default]\nprovider = \"entra\"\n");
    home.latch(&["token"]).failed(2, "invalid-configuration").saying(&["client-id"]);
}

#[test]
fn a_folder_that_was_not_given_is_named_with_the_option_that_gives_it() {
    let home = home();
    home.login();
    home.latch(&["token", "--state-dir", "/elsewhere"])
        .failed(8, "store-unusable")
        .saying(&["/elsewhere", "--dir FOLDER::/elsewhere"]);
}

// ---- What is stored -----------------------------------------------------------

#[test]
fn either_host_reads_and_renews_what_the_other_has_saved() {
    let home = home();
    home.login();
    let latch = native(&home);
    let first = home.token(&[]);
    let token =
        |demand| block_on(latch.token_for(demand)).expect("a token").access_token().to_owned();
    assert_eq!(token(Demand::default()), first);
    let second = token(Demand { force_refresh: true, ..Demand::default() });
    assert_ne!(second, first);
    assert_eq!(home.token(&[]), second);
    let third = home.token(&["--force-refresh"]);
    assert_ne!(third, second);
    assert_eq!(token(Demand::default()), third);
    home.latch(&["logout"]).succeeded();
    block_on(latch.token()).expect_err("logged out");
}

#[test]
fn everything_that_is_kept_is_for_its_owner_alone() {
    let home = home();
    home.login();
    let mode = |path: &Path| fs::metadata(path).expect("metadata").permissions().mode() & 0o777;
    assert_eq!(mode(&home.session_file()), 0o600);
    assert_eq!(mode(&home.config_file()), 0o600);
    assert_eq!(mode(&home.state_folder()), 0o700);
}

#[test]
fn a_session_that_is_encrypted_or_in_the_keyring_is_left_alone() {
    let home = home();
    home.login();
    let file = home.session_file();
    fs::write(&file, b"age-encryption.org/v1\n-> X25519 abc\n").expect("a session");
    home.latch(&["token"]).failed(8, "store-unusable").saying(&["encrypted", "native latch"]);
    fs::rename(&file, beside_the_session(&home, "keyring")).expect("a marker");
    home.latch(&["token"]).failed(8, "store-unusable").saying(&["keyring", "latch move file"]);
    home.write_config("[profile.default]\nstore = \"keyring\"\n");
    let issuer = home.provider.issuer();
    home.latch(&["token", "--issuer", issuer, "--client-id", "demo"])
        .failed(8, "store-unusable")
        .saying(&["latch move file"]);
    home.write_config("[profile.default]\nencrypt = true\n");
    home.latch(&["token", "--issuer", issuer, "--client-id", "demo"])
        .failed(8, "store-unusable")
        .saying(&["encrypted"]);
}

#[test]
fn what_dead_writers_left_behind_goes_with_the_next_save() {
    let home = home();
    home.login();
    let file = home.session_file();
    let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
    let left = home.state_folder().join(format!(".{name}.0011223344556677.tmp"));
    fs::write(&left, "half a session").expect("a file");
    home.token(&["--force-refresh"]);
    assert!(!left.exists());
    let names: Vec<_> = fs::read_dir(home.state_folder()).expect("a folder").collect();
    assert_eq!(names.len(), 1, "{names:?}");
}

// ---- The lock -----------------------------------------------------------------

#[test]
fn processes_that_want_a_token_at_once_renew_once() {
    let home = home();
    home.login();
    let refreshes = || {
        let asked = home.asked("/token");
        asked.iter().filter(|seen| seen.parameter("grant_type") == Some("refresh_token")).count()
    };
    let mut session = Session::read(&home.session_file());
    session.inner["expires_at_ms"] = serde_json::json!(1);
    session.write();
    let before = refreshes();
    let mut tokens: Vec<String> = thread::scope(|scope| {
        let started: Vec<_> = (0..4).map(|_| scope.spawn(|| home.token(&[]))).collect();
        started.into_iter().map(|thread| thread.join().expect("a token")).collect()
    });
    tokens.dedup();
    assert_eq!((tokens.len(), refreshes() - before), (1, 1));
}

#[test]
fn a_lock_that_shows_life_is_waited_for_and_named() {
    let home = home();
    home.login();
    let lock = beside_the_session(&home, "wasi-lock");
    fs::write(&lock, "somebody").expect("a lock");
    home.latch(&["token", "--force-refresh", "--lock-timeout", "2"])
        .failed(8, "store-unusable")
        .saying(&["Waiting for another process", "still locked", &lock.display().to_string()]);
    assert_eq!(fs::read_to_string(&lock).expect("the lock"), "somebody");
}

#[test]
fn a_lock_without_a_sign_of_life_is_taken_over() {
    let home = home();
    home.login();
    let lock = beside_the_session(&home, "wasi-lock");
    fs::write(&lock, "somebody who died").expect("a lock");
    home.token(&["--force-refresh"]);
    assert!(!lock.exists());
}

// ---- The network --------------------------------------------------------------

/// A session of a provider on the Internet, whose token endpoint is `endpoint`.
fn keep_session_elsewhere(home: &Home, endpoint: &str) {
    home.login();
    let mut session = Session::read(&home.session_file());
    session.inner["issuer"] = serde_json::json!(FAR);
    session.inner["token_endpoint"] = serde_json::json!(endpoint);
    session.header["origins"] = serde_json::json!([endpoint.trim_end_matches("/token")]);
    let latch = native_at(home, FAR);
    fs::write(latch.place(), session.bytes()).expect("a session");
}

#[test]
fn what_leads_into_ones_own_network_is_not_asked() {
    for (endpoint, reason) in [
        ("https://localhost:9/token", "localhost leads to"),
        ("https://127.0.0.1:9/token", "127.0.0.1 is not a public address"),
        ("https://[::ffff:a00:1]/token", "is not a public address"),
    ] {
        let home = home();
        keep_session_elsewhere(&home, endpoint);
        let mut words = vec!["token", "--force-refresh", "--issuer", FAR, "--client-id", "demo"];
        words.extend(SCOPES.iter().flat_map(|scope| ["--scope", scope]));
        home.latch(&words).failed(6, "egress-denied").saying(&[reason, "not a public address"]);
    }
}

#[test]
fn a_provider_that_is_away_ends_no_session() {
    let home = home();
    home.login();
    // A port that nothing listens on any more.
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("it");
    let mut session = Session::read(&home.session_file());
    let origin = format!("http://{closed}");
    session.header["origins"] = serde_json::json!([origin]);
    session.inner["token_endpoint"] = serde_json::json!(format!("{origin}/token"));
    session.write();
    home.latch(&["token", "--force-refresh"])
        .failed(7, "unreachable")
        .saying(&["connection refused"]);
    assert_eq!(home.session_files().len(), 1);
}
