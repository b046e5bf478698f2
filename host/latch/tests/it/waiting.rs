//! What happens while another process has the session's lock, and while nothing
//! can be kept.
#![cfg(unix)]

use std::fs::{self, File};
use std::process::Stdio;

use latchstring_provider::Fault;
use latchstring_testing::session::Session;
use latchstring_testing::{Home, Run, run};

/// Somebody whose access token has expired.
fn expired() -> Home {
    let home = Home::new();
    home.login_with(&["--store", "file"]);
    let mut session = Session::read(&home.session_file());
    session.inner["expires_at_ms"] = 1.into();
    session.write();
    home
}

/// The session's lock, in this process's hands.
fn lock(home: &Home) -> File {
    let lock = File::open(home.session_file().with_extension("lock")).expect("a lock");
    lock.lock().expect("nobody else has it");
    lock
}

#[test]
fn whoever_waits_is_told_for_what_and_gives_up_in_time() {
    let home = expired();
    let _lock = lock(&home);
    let asked = home.provider.log().len();
    home.latch(&["token", "--lock-timeout", "2"]).failed(8, "store-unusable").saying(&[
        "Waiting for another process",
        "profile default",
        "after 2 s",
    ]);
    assert_eq!(home.provider.log().len(), asked);
}

#[test]
fn whoever_waited_goes_on_as_soon_as_the_lock_is_free() {
    let home = expired();
    let lock = lock(&home);
    let caller = home.command(&["token"]).stdout(Stdio::piped()).spawn().expect("latch starts");
    drop(lock);
    let run: Run = caller.wait_with_output().expect("an end").into();
    assert_eq!(run.succeeded().stdout.trim_end(), home.token(&[]));
}

#[test]
fn a_token_that_is_still_good_waits_for_nobody() {
    let home = Home::new();
    home.login_with(&["--store", "file"]);
    let _lock = lock(&home);
    home.token(&["--lock-timeout", "0"]);
}

#[test]
fn nobody_holds_the_lock_while_the_user_is_in_the_browser() {
    let home = expired();
    let pending = home.start_login(&["--store", "file"]);
    let _lock = lock(&home);
    drop(pending);
}

/// `latch` where no file can grow, as on a full disk.
fn on_a_full_disk(home: &Home, words: &[&str]) -> Run {
    let latch = home.command(words);
    let script = "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\"";
    let mut shell = home.command_of("/bin/sh", &["-c", script]);
    run(shell.arg(latch.get_program()).args(latch.get_args()))
}

#[test]
fn on_a_full_disk_the_refresh_token_is_not_spent() {
    let home = expired();
    let before = fs::read(home.session_file()).expect("a session");
    let asked = home.provider.log().len();
    let run = on_a_full_disk(&home, &["token"]);
    run.failed(8, "not-saved").saying(&[&home.state_folder().display().to_string()]);
    assert_eq!(home.provider.log().len(), asked);
    assert_eq!(fs::read(home.session_file()).expect("the session"), before);
    home.token(&[]);
}

#[test]
fn on_a_full_disk_nobody_is_asked_to_log_in() {
    let home = Home::new();
    let mut words = home.login_arguments();
    words.extend(["--store".to_owned(), "file".to_owned()]);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let run = on_a_full_disk(&home, &words).failed(8, "not-saved");
    assert!(!run.stderr.contains("To log in"), "{}", run.stderr);
    assert_eq!(home.provider.log().len(), 0);
}

#[test]
fn on_a_full_disk_a_logout_works() {
    let home = expired();
    on_a_full_disk(&home, &["logout"]).succeeded();
    assert!(home.session_files().is_empty());
}

#[test]
fn an_outage_is_no_logout() {
    let home = expired();
    let before = fs::read(home.session_file()).expect("a session");
    for (fault, code) in [
        (Fault::answer("/token", 500, "text/html", "down"), "provider-unavailable"),
        (Fault::answer("/token", 503, "text/html", "down"), "provider-unavailable"),
        (Fault::hang_up("/token"), "unreachable"),
    ] {
        home.provider.misbehave(fault);
        let asked = home.asked("/token").len();
        home.latch(&["token"]).failed(7, code);
        // Not once more: it may have arrived.
        assert_eq!(home.asked("/token").len(), asked + 1);
        home.provider.behave();
        assert_eq!(fs::read(home.session_file()).expect("the session"), before);
    }
    home.token(&[]);
}

#[test]
fn a_passing_outage_is_not_even_noticed() {
    let home = Home::new();
    home.provider.misbehave(
        Fault::answer("/.well-known/openid-configuration", 502, "text/html", "down").times(2),
    );
    home.login();
    home.provider.misbehave(Fault::answer("/token", 429, "text/html", "slow down").times(1));
    home.token(&["--force-refresh"]);
}
