//! The program for Windows at a console. Wine makes a terminal of Linux one.
#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::thread;
use std::time::Instant;

use latchstring_testing::held::Held;
use latchstring_testing::tty::Tty;
use latchstring_testing::{Home, PATIENCE};
use nix::sys::termios::LocalFlags;

use super::terminal_modes::last_address;

/// A home whose program is that for Windows, by its path in `LATCHSTRING_PROGRAM`.
fn home() -> Home {
    let home = Home::new();
    let program = home.program();
    assert!(program.ends_with("latch-in-wine"), "run ./dev test windows, which starts this");
    home
}

const CTRL_C: u8 = 0x03;

/// What has been shown once the program has asked for the address and reads. Wine's console
/// takes the terminal over then.
fn until_it_reads(tty: &Tty) -> String {
    let shown = tty.until("it is not displayed");
    let begun = Instant::now();
    while tty.modes().local_flags.contains(LocalFlags::ECHO) {
        assert!(begun.elapsed() < PATIENCE, "the program did not begin to read");
        thread::yield_now();
    }
    shown
}

#[test]
#[ignore = "./dev test windows runs it"]
fn what_is_typed_is_hidden_and_ctrl_c_ends_the_question() {
    let home = home();
    let words = ["login", "--issuer", home.provider.issuer(), "--client-id", "demo"];
    let more = ["--scope", "openid", "--flow", "paste", "--plain"];
    let mut tty = Tty::lead(home.command(&[&words[..], &more].concat()), |_| {});
    until_it_reads(&tty);
    tty.types("sécret-c0de");
    tty.until("Paste the whole address");
    tty.presses(CTRL_C);
    assert_eq!(tty.wait(), Some(130));
    let shown = tty.until("interrupted");
    assert!(!shown.contains("cret-c0de"), "{shown}");
}

#[test]
#[ignore = "./dev test windows runs it"]
fn a_pasted_address_finishes_a_login() {
    let home = home();
    let words = ["login", "--issuer", home.provider.issuer(), "--client-id", "demo"];
    let more = ["--scope", "openid", "--flow", "paste", "--plain"];
    // Wide enough for the address: Wine's console breaks lines by moving the cursor.
    let mut tty = Tty::wide(home.command(&[&words[..], &more].concat()), 2000);
    let address = last_address(&until_it_reads(&tty));
    tty.types(&address);
    assert_eq!(tty.wait(), Some(0));
    tty.until("Logged in as");
    home.token(&["--verify"]);
}

#[test]
#[ignore = "./dev test windows runs it"]
fn a_window_that_closes_interrupts_no_renewal() {
    let home = home();
    home.login();
    let asked = home.asked("/token").len();
    let held = Held::next(&home.provider, "/token");
    let mut tty = Tty::lead(home.command(&["token", "--force-refresh"]), |_| {});
    held.arrives();
    tty.hang_up();
    assert_ne!(tty.wait(), Some(0));
    held.let_go();
    wait_for_the_lock(&home);
    home.token(&["--force-refresh"]);
    assert_eq!(home.asked("/token").len(), asked + 2);
}

/// Returns when no process uses the only session any more.
fn wait_for_the_lock(home: &Home) {
    let entries = fs::read_dir(home.state_folder()).expect("a state folder");
    let mut paths = entries.map(|entry| entry.expect("an entry").path());
    let lock = paths.find(|path| path.extension().is_some_and(|end| end == "lock"));
    File::open(lock.expect("a lock")).expect("a lock").lock().expect("its turn");
}
