//! However a command ends, the terminal is left as it was found: its holder goes
//! on with it.
#![cfg(unix)]

use std::process::Command;
use std::time::Instant;
use std::{panic, thread};

use latchstring::capability::terminal::StderrTerminal;
use latchstring_provider::visitor::Browser;
use latchstring_testing::alone::test_name;
use latchstring_testing::tty::Tty;
use latchstring_testing::{Home, PATIENCE, block_on};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::LocalFlags;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use url::Url;

const ROUNDS: usize = 30;

const SIGNALS: [(Signal, i32); 4] =
    [(Signal::SIGINT, 130), (Signal::SIGQUIT, 131), (Signal::SIGTERM, 143), (Signal::SIGHUP, 129)];

/// A login whose last address is to be pasted.
fn paste(home: &Home) -> Command {
    let words = ["login", "--issuer", home.provider.issuer(), "--client-id", "demo"];
    let more = ["--scope", "openid", "--flow", "paste", "--store", "file"];
    home.command(&[&words[..], &more].concat())
}

/// A command that asks for the passphrase of the stored session first.
fn passphrase(home: &Home) -> Command {
    let words = ["token", "--issuer", home.provider.issuer(), "--client-id", "demo"];
    home.command(&[&words[..], &["--store", "file", "--encrypt"]].concat())
}

/// The address that a browser ends on.
pub(super) fn last_address(screen: &str) -> String {
    let at = screen.find("http://").expect("an address");
    let url = screen[at..].split(['\u{1b}', '\n']).next().expect("its end");
    let form = [("name", "Ada Lovelace"), ("decision", "login")];
    let page = block_on(Browser::default().post(url, &form)).expect("an answer");
    page.header("location").expect("a redirect").to_owned()
}

/// Runs a command on a terminal, lets `user` do something there, and compares the
/// terminal's modes before and after.
fn on_a_terminal(command: Command, exit: i32, user: impl FnOnce(&mut Tty)) {
    let mut before = None;
    let mut tty = Tty::lead(command, |modes| before = Some(modes.clone()));
    user(&mut tty);
    let code = tty.wait();
    let after = tty.modes();
    let run = tty.finish();
    assert_eq!(code, Some(exit), "{}", run.stderr);
    assert_eq!(Some(after), before, "{}", run.stderr);
}

fn send(tty: &Tty, signal: Signal) {
    kill(Pid::from_raw(tty.id().cast_signed()), signal).expect("a signal");
}

#[test]
fn after_a_login_that_succeeds() {
    let home = Home::new();
    for _ in 0..ROUNDS {
        on_a_terminal(paste(&home), 0, |tty| {
            let address = last_address(&tty.until("paste it here"));
            tty.types(&address);
        });
    }
}

#[test]
fn after_a_login_that_is_interrupted() {
    let home = Home::new();
    for (signal, exit) in SIGNALS {
        for _ in 0..ROUNDS {
            on_a_terminal(paste(&home), exit, |tty| {
                tty.until("paste it here");
                send(tty, signal);
            });
        }
    }
}

#[test]
fn after_a_wrong_paste() {
    let home = Home::new();
    for (signal, exit) in SIGNALS {
        for _ in 0..ROUNDS / SIGNALS.len() {
            on_a_terminal(paste(&home), exit, |tty| {
                tty.until("paste it here");
                tty.types("no address");
                tty.until("Paste the whole address");
                send(tty, signal);
            });
        }
    }
}

#[test]
fn at_the_prompt_for_the_passphrase() {
    const PROMPT: &str = "Passphrase of the stored session:";
    let home = Home::new();
    for (signal, exit) in SIGNALS {
        for _ in 0..ROUNDS {
            on_a_terminal(passphrase(&home), exit, |tty| {
                tty.until(PROMPT);
                send(tty, signal);
            });
        }
    }
    for (typed, exit) in
        [(&b"words nobody knows\n"[..], 3), (b"\n", 8), (b"\x04", 8), (b"\x03", 130)]
    {
        for _ in 0..ROUNDS {
            on_a_terminal(passphrase(&home), exit, |tty| {
                tty.until(PROMPT);
                typed.iter().for_each(|&key| tty.presses(key));
            });
        }
    }
}

#[test]
fn a_passphrase_is_never_shown_and_asked_for_once() {
    let home = Home::new();
    let mut words = home.login_arguments();
    words.retain(|word| word != "--no-browser");
    words.extend(["--flow", "paste", "--store", "file", "--encrypt"].map(str::to_owned));
    let mut tty = Tty::lead(home.command(&words), |_| {});
    tty.until("Passphrase of the stored session:");
    tty.types("words nobody knows");
    let address = last_address(&tty.until("paste it here"));
    Url::parse(&address).expect("an address");
    tty.types(&address);
    let run = tty.finish();
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(!run.stderr.contains("nobody knows"), "{}", run.stderr);
    // The process that renews is told what was typed.
    let mut tty = Tty::lead(home.command(&["token", "--force-refresh"]), |_| {});
    tty.until("Passphrase of the stored session:");
    tty.types("words nobody knows");
    let run = tty.finish();
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(run.stderr.matches("Passphrase").count(), 1, "{}", run.stderr);
}

#[test]
fn typing_stays_hidden_when_the_program_is_stopped_and_continued() {
    let home = Home::new();
    let mut tty = Tty::lead(passphrase(&home), |_| {});
    tty.until("Passphrase of the stored session:");
    let hidden = tty.modes();
    send(&tty, Signal::SIGSTOP);
    let id = Pid::from_raw(tty.id().cast_signed());
    let stopped = waitpid(id, Some(WaitPidFlag::WUNTRACED)).expect("a stop");
    assert_eq!(stopped, WaitStatus::Stopped(id, Signal::SIGSTOP));
    // What a shell does with its terminal.
    tty.change_modes(|modes| modes.local_flags.insert(LocalFlags::ECHO | LocalFlags::ICANON));
    send(&tty, Signal::SIGCONT);
    let begun = Instant::now();
    while tty.modes() != hidden {
        assert!(begun.elapsed() < PATIENCE, "typing was not hidden again");
        thread::yield_now();
    }
    tty.types("words nobody knows");
    let run = tty.finish();
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert!(!run.stderr.contains("nobody knows"), "{}", run.stderr);
}

/// Set in the process that panics while it asks.
const PANICS: &str = "LATCHSTRING_TEST_PANICS";

#[test]
fn after_a_panic_if_its_hook_restores_them() {
    if std::env::var_os(PANICS).is_some() {
        panic::set_hook(Box::new(|_| {
            StderrTerminal::restore_modes();
            std::process::exit(1);
        }));
        block_on(async {
            let terminal = StderrTerminal::default();
            tokio::select! {
                biased;
                _ = terminal.ask_secret("Passphrase:") => {}
                () = tokio::task::yield_now() => panic!("while it waits"),
            }
        });
    }
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    let test = test_name(module_path!(), "after_a_panic_if_its_hook_restores_them");
    command.args(["--exact", &test, "--nocapture"]).env(PANICS, "1");
    on_a_terminal(command, 1, |tty| drop(tty.until("Passphrase:")));
}
