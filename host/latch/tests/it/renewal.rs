//! The death of the caller interrupts no renewal.
#![cfg(unix)]

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use latchstring_provider::Fault;
use latchstring_testing::held::Held;
use latchstring_testing::session::Session;
use latchstring_testing::tty::Tty;
use latchstring_testing::{Home, Pending, Run, SCOPES};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

const SIGNALS: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGKILL];

/// Why a command renews.
#[derive(Clone, Copy)]
enum Cause {
    /// The command asks for it.
    Asked,
    /// The stored access token has expired.
    Expired,
    /// The provider answers 401 at this path, once.
    RefusedAt(&'static str),
}

use Cause::{Asked, Expired, RefusedAt};

/// Every command that can renew, and each cause that it can have.
const COMMANDS: [(&[&str], Cause); 14] = [
    (&["token", "--force-refresh"], Asked),
    (&["token", "--force-refresh", "--record", "transcript.json"], Asked),
    (&["token"], Expired),
    (&["token", "--min-ttl", "60"], Expired),
    (&["token", "--verify"], RefusedAt("/userinfo")),
    (&["token", "--check"], Expired),
    (&["token", "--require-scope", "openid"], Expired),
    (&["whoami"], RefusedAt("/userinfo")),
    (&["introspect"], Expired),
    (&["introspect", "--tokeninfo"], RefusedAt("/tokeninfo")),
    (&["exec", "--", "true"], Expired),
    (&["request", "GET", "ISSUER/userinfo"], Expired),
    (&["request", "GET", "ISSUER/userinfo"], RefusedAt("/userinfo")),
    (&["request", "POST", "ISSUER/userinfo", "--data", "{}"], RefusedAt("/userinfo")),
];

fn expire(home: &Home) {
    let mut session = Session::read(&home.session_file());
    session.inner["expires_at_ms"] = 1.into();
    session.write();
}

/// A provider that is said to have every endpoint, and a login there.
fn home() -> Home {
    let home = Home::new();
    let issuer = home.provider.issuer();
    let endpoint = |name: &str| format!("{issuer}/{name}");
    home.login_with(&[
        "--store",
        "file",
        "--introspection-endpoint",
        &endpoint("introspect"),
        "--tokeninfo-endpoint",
        &endpoint("tokeninfo"),
    ]);
    home
}

fn start(command: &mut Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("latch starts")
}

/// Ends the caller by `signal`, and returns when it is gone.
fn end(mut caller: Child, signal: Signal) {
    kill(Pid::from_raw(caller.id().cast_signed()), signal).expect("a signal");
    let status = caller.wait().expect("its end");
    assert!(!status.success(), "{signal} did not end it");
}

/// Returns when no process uses the only session any more.
fn wait_for_the_lock(home: &Home) {
    let lock = File::open(lock_file(home)).expect("a lock");
    lock.lock().expect("its turn");
}

fn lock_file(home: &Home) -> PathBuf {
    let entries = fs::read_dir(home.state_folder()).expect("a state folder");
    let mut paths = entries.map(|entry| entry.expect("an entry").path());
    let is_lock = |path: &PathBuf| path.extension().is_some_and(|end| end == "lock");
    paths.find(is_lock).expect("a lock")
}

#[test]
fn no_command_loses_the_session_when_it_is_ended_in_the_middle_of_a_renewal() {
    let home = home();
    for (words, cause) in COMMANDS {
        for signal in SIGNALS {
            let case = format!("{words:?} {signal}");
            match cause {
                Asked => {}
                Expired => expire(&home),
                RefusedAt(path) => {
                    let body = "{\"error\":\"invalid_token\"}";
                    let refusal = Fault::answer(path, 401, "application/json", body);
                    home.provider.misbehave(refusal.times(1));
                }
            }
            let held = Held::next(&home.provider, "/token");
            let asked = home.asked("/token").len();
            let words: Vec<String> =
                words.iter().map(|word| word.replace("ISSUER", home.provider.issuer())).collect();
            let caller = start(&mut home.command(&words));
            held.arrives();
            end(caller, signal);
            held.let_go();
            wait_for_the_lock(&home);
            let next = home.latch(&["token", "--force-refresh"]);
            assert_eq!(next.code, 0, "{case}: {}", next.stderr);
            assert_eq!(home.asked("/token").len(), asked + 2, "{case}");
            home.provider.behave();
        }
    }
}

/// A preset of the demo provider, whose own program keeps its session in a file.
fn preset(home: &Home) -> [String; 3] {
    let folder = home.config_folder().join("providers");
    fs::create_dir_all(&folder).expect("a folder");
    let scopes = serde_json::to_string(&SCOPES).expect("JSON");
    let text = format!(
        "about = \"the demo\"\n[client]\nissuer = \"{}\"\nclient-id = \"demo\"\nscopes = {scopes}\n\
         [import]\nfiles = [\"~/demo.json\"]\naccess-token = [\"access_token\"]\n\
         refresh-token = [\"refresh_token\"]\nexpires-at = [\"expires_at\"]\n",
        home.provider.issuer()
    );
    fs::write(folder.join("demo.toml"), text).expect("a preset");
    ["--provider", "demo", "--store"].map(str::to_owned)
}

/// Two sessions at one provider: one stored here, and one in another program's file.
struct Import {
    home: Home,
    words: Vec<String>,
}

impl Import {
    /// The other program's access token has expired.
    fn new() -> Self {
        let home = Home::new();
        let preset = preset(&home);
        let words = [&["import".to_owned()], &preset[..], &["file".to_owned()]].concat();
        let import = Self { home, words };
        import.log_in();
        import.hand_over();
        import.log_in();
        import
    }

    fn log_in(&self) {
        let words = ["login", "--provider", "demo", "--store", "file", "--no-browser"];
        let pending = Pending::start(&mut self.home.command(&words));
        pending.visit();
        pending.finish().succeeded();
    }

    /// Makes what is stored here the other program's.
    fn hand_over(&self) {
        let session = Session::read(&self.home.session_file());
        let tokens = json!({
            "access_token": session.inner["access_token"],
            "refresh_token": session.inner["refresh_token"],
            "expires_at": 1,
        });
        self.home.file("demo.json", &tokens.to_string());
    }

    fn forget(&self) {
        fs::remove_file(self.home.session_file()).expect("a session");
    }

    fn stored(&self) -> Vec<u8> {
        fs::read(self.home.session_file()).expect("a session")
    }

    fn imported(&self) -> Value {
        serde_json::from_str(&fs::read_to_string(self.home.path("demo.json")).expect("a file"))
            .expect("JSON")
    }

    fn latch(&self) -> Run {
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        self.home.latch(&words)
    }
}

#[test]
fn an_import_that_is_ended_in_the_middle_loses_neither_session() {
    for signal in SIGNALS {
        for is_first in [false, true] {
            let import = Import::new();
            if is_first {
                import.forget();
            }
            let home = &import.home;
            let held = Held::next(&home.provider, "/token");
            let asked = home.asked("/token").len();
            let caller = start(&mut home.command(&import.words));
            held.arrives();
            end(caller, signal);
            held.let_go();
            wait_for_the_lock(home);
            home.latch(&["token", "--force-refresh"]).succeeded();
            assert_eq!(home.asked("/token").len(), asked + 2, "{signal}");
        }
    }
}

#[test]
fn an_import_that_fails_leaves_what_is_stored_as_it_was() {
    let import = Import::new();
    let before = import.stored();
    let file = import.imported();
    for (status, kind, body, exit, code) in [
        (400, "application/json", "{\"error\":\"invalid_client\"}", 4, "provider-refused"),
        (400, "application/json", "{\"error\":\"unauthorized_client\"}", 4, "provider-refused"),
        (403, "text/html", "<h1>firewall</h1>", 6, "invalid-token-response"),
        (400, "application/json", "{\"error\":\"invalid_grant\"}", 3, "login-required"),
        (503, "text/html", "down", 7, "provider-unavailable"),
    ] {
        import.home.provider.misbehave(Fault::answer("/token", status, kind, body));
        let run = import.latch().failed(exit, code);
        run.saying(&["The session that was stored here before is unchanged"]);
        import.home.provider.behave();
        assert_eq!(import.stored(), before, "{body}");
        assert_eq!(import.imported(), file);
    }
    import.home.token(&["--force-refresh"]);
}

#[cfg(target_os = "linux")]
#[test]
fn the_process_that_imports_may_be_killed_too_and_leaves_what_is_stored() {
    let import = Import::new();
    let before = import.stored();
    let held = Held::next(&import.home.provider, "/token");
    let caller = start(&mut import.home.command(&import.words));
    held.arrives();
    kill(renewal_process(&caller), Signal::SIGKILL).expect("a signal");
    let run = caller.wait_with_output().expect("an end");
    assert_eq!(run.status.code(), Some(1));
    held.let_go();
    assert_eq!(import.stored(), before);
    import.home.token(&["--force-refresh"]);
}

#[test]
fn an_imported_session_is_renewed_once_and_its_new_refresh_token_is_kept() {
    let import = Import::new();
    let asked = import.home.asked("/token").len();
    import.latch().succeeded().saying(&["Imported the session of Ada Lovelace"]);
    assert_eq!(import.home.asked("/token").len(), asked + 1);
    import.home.token(&["--force-refresh"]);
}

/// The only child of `caller`.
#[cfg(target_os = "linux")]
fn renewal_process(caller: &Child) -> Pid {
    let id = caller.id();
    let path = format!("/proc/{id}/task/{id}/children");
    let children = fs::read_to_string(path).expect("Linux");
    Pid::from_raw(children.trim().parse().expect("one child"))
}

#[cfg(target_os = "linux")]
#[test]
fn a_renewal_that_waits_for_the_lock_ends_with_its_caller() {
    use std::io::{BufRead as _, BufReader};

    use latchstring_testing::alone::is_alone;
    use nix::errno::Errno;
    use nix::sys::wait::{WaitStatus, waitpid};

    if !is_alone(module_path!(), "a_renewal_that_waits_for_the_lock_ends_with_its_caller") {
        return;
    }
    // The process comes to this one when its parent is gone, as would those of other tests.
    nix::sys::prctl::set_child_subreaper(true).expect("Linux");
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        let home = home();
        let lock = File::open(lock_file(&home)).expect("a lock");
        lock.lock().expect("nobody else has it");
        let asked = home.provider.log().len();
        let words = ["token", "--force-refresh", "--lock-timeout", "9999999"];
        let mut command = home.command(&words);
        let mut caller = command.stderr(Stdio::piped()).spawn().expect("latch starts");
        let mut said = BufReader::new(caller.stderr.take().expect("standard error"));
        said.read_line(&mut String::new()).expect("that it waits");
        let renewal = renewal_process(&caller);
        end(caller, signal);
        match waitpid(renewal, None) {
            Ok(status) => assert_eq!(status, WaitStatus::Exited(renewal, 0), "{signal}"),
            // It ended first, and its caller has taken its status.
            Err(error) => assert_eq!(error, Errno::ECHILD, "{signal}"),
        }
        assert_eq!(home.provider.log().len(), asked);
    }
}

#[test]
fn a_terminal_that_stops_whoever_writes_in_the_background_stops_no_renewal() {
    let home = home();
    let mut tty = Tty::lead(home.command(&["token", "--force-refresh"]), |modes| {
        modes.local_flags |= nix::sys::termios::LocalFlags::TOSTOP;
    });
    assert_eq!(tty.wait(), Some(0), "{}", tty.finish().stderr);
}

#[test]
fn after_the_callers_end_nothing_is_written_to_its_terminal() {
    let home = home();
    let held = Held::next(&home.provider, "/token");
    let mut command = home.command(&["token", "--force-refresh"]);
    command.env("TERM", "xterm");
    let mut tty = Tty::lead(command, |_| {});
    held.arrives();
    tty.until("getting a token");
    tty.presses(0x03);
    assert_eq!(tty.wait(), Some(130));
    let shown = tty.until("when you are ready\n");
    held.let_go();
    wait_for_the_lock(&home);
    assert_eq!(tty.shown(), shown);
}

#[test]
fn a_renewal_is_reported_as_if_it_had_happened_in_the_caller() {
    let home = home();
    let run = home.latch(&["token", "--force-refresh", "--verbose", "--json"]).succeeded();
    assert_eq!(run.json()["source"], "renewed");
    assert!(run.stderr.contains("/token -> 200"), "{}", run.stderr);
    home.provider.misbehave(Fault::answer("/token", 503, "text/html", "down"));
    let run = home.latch(&["token", "--force-refresh", "--json"]);
    let error = run.failed(7, "provider-unavailable").json_error();
    assert_eq!((&error["retryable"], &error["exit"]), (&json!(true), &json!(7)));
}

#[test]
fn the_hidden_command_answers_nobody_but_latch() {
    let home = home();
    let run = home.latch(&["renew"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "\"Declined\"\n"));
    let mut command = home.command(&["renew"]);
    command.env("NO_COLOR", "1");
    let tty = Tty::lead(command, |_| {});
    let run = tty.finish().failed(2, "invalid-configuration");
    assert!(run.stderr.contains("latch token --force-refresh"), "{}", run.stderr);
    assert!(!home.latch(&["--help"]).stdout.contains("renew "));
}
