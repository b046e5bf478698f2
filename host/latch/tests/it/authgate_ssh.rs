//! AuthGate from a machine that no browser can come back to.
#![cfg(unix)]

use std::net::TcpListener;

use latchstring_provider::Misbehaviour;
use latchstring_provider::dialects::AUTHGATE_WITH_KEYS;
use latchstring_provider::visitor::Visitor;
use latchstring_testing::system::Scene;
use latchstring_testing::tty::Tty;
use latchstring_testing::{block_on, refusing};

fn scene() -> Scene {
    Scene::new(&AUTHGATE_WITH_KEYS)
}

/// A login over ssh that has shown its code, and where to enter it.
fn over_ssh(scene: &Scene) -> (Tty, String) {
    let mut command = scene.open_login_command(&["--plain"]);
    command.env("SSH_CONNECTION", "10.0.0.1 50000 10.0.0.2 22").env("DISPLAY", ":9");
    let tty = Tty::start(command);
    let page = page(&tty.until("Only enter a code"));
    (tty, page)
}

/// The page with the code that the screen shows.
fn page(screen: &str) -> String {
    let line = |begin| screen.lines().find_map(|line| line.strip_prefix(begin)).map(str::trim);
    let address = line("  http").expect("an address");
    let code = line("    ").expect("a code");
    assert_eq!(code.len(), 9, "{code}");
    format!("http{address}?user_code={code}")
}

#[test]
fn a_login_over_ssh_takes_a_code_on_another_device() {
    let scene = scene();
    let (tty, page) = over_ssh(&scene);
    assert!(page.starts_with(&format!("{}/device?", scene.standin.url())), "{page}");
    block_on(Visitor::default().visit(&page)).expect("the last page");
    let login = tty.finish();
    assert_eq!(login.code, 0, "{}", login.stderr);
    assert!(login.stderr.contains("Logged in as Ada Lovelace"), "{}", login.stderr);
    // Discovery names no such endpoint, and no ID token comes.
    assert_eq!(scene.asked_once("/oauth/device/code").method, "POST");
    assert!(!scene.asked("/oauth/userinfo").is_empty());
    let token = scene.token(&[]);
    assert_ne!(scene.token(&["--force-refresh"]), token);
    scene.latch(&["logout"]).succeeded();
    scene.latch(&["token"]).failed(3, "login-required");
}

#[test]
fn whoever_refuses_on_the_other_device_is_not_logged_in() {
    let scene = scene();
    let (tty, page) = over_ssh(&scene);
    block_on(refusing().visit(&page)).expect("the last page");
    tty.finish().failed(4, "access-denied").saying(&["refused on the other device"]);
    assert!(scene.home.session_files().is_empty());
}

#[test]
fn a_code_that_has_run_out_may_be_asked_for_again() {
    let scene = scene();
    scene.misbehaves(Misbehaviour::PollExpired);
    let (mut tty, _) = over_ssh(&scene);
    let screen = tty.until("Press Enter to use a code on any device.");
    assert!(screen.contains("The code was not entered in time."), "{screen}");
    scene.standin.behave();
    tty.clear();
    tty.types("");
    let page = page(&tty.until("Only enter a code"));
    block_on(Visitor::default().visit(&page)).expect("the last page");
    assert_eq!(tty.finish().code, 0);
}

#[test]
fn where_the_registered_port_is_taken_a_code_is_offered() {
    let scene = scene();
    let _taken = TcpListener::bind(("127.0.0.1", scene.port)).expect("a port");
    let mut command = scene.open_login_command(&["--plain"]);
    command.env("DISPLAY", ":9");
    let mut tty = Tty::start(command);
    let screen = tty.until("to use a code on any device");
    assert!(screen.contains("paste it here"), "{screen}");
    assert!(screen.contains(&scene.port.to_string()), "{screen}");
    tty.clear();
    tty.types("device");
    let page = page(&tty.until("Only enter a code"));
    block_on(Visitor::default().visit(&page)).expect("the last page");
    assert_eq!(tty.finish().code, 0);
}
