//! What the program keeps to itself, and what it does without.
#![cfg(target_os = "linux")]

use std::fs;
use std::io::{Error, Read as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, ExitStatus, Stdio};

use latchstring::secret_variables;
use latchstring_provider::visitor::Visitor;
use latchstring_testing::tty::Tty;
use latchstring_testing::{Home, Pending, block_on, run, skip};
use nix::libc;
use nix::sys::resource::{RLIM_INFINITY, Resource, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Forbids this process to make memory executable, as systemd's
/// MemoryDenyWriteExecute=yes does.
fn forbid_executable_memory() -> Result<(), Error> {
    const PR_SET_MDWE: libc::c_int = 65;
    const REFUSE_EXEC_GAIN: libc::c_ulong = 1;
    // SAFETY: the call takes numbers alone.
    match unsafe { libc::prctl(PR_SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0) } {
        0 => Ok(()),
        _ => Err(Error::last_os_error()),
    }
}

/// The same command where no memory may be made executable.
fn hardened(mut command: Command) -> Command {
    // SAFETY: the call may be made between fork and exec.
    unsafe { command.pre_exec(forbid_executable_memory) };
    command
}

#[test]
fn no_command_makes_memory_executable() {
    if let Err(error) = hardened(Command::new("true")).status() {
        return skip(&format!("this kernel has no PR_SET_MDWE (Linux 6.3): {error}"));
    }
    let home = Home::new();
    let login = Pending::start(&mut hardened(home.login_command(&["--store", "file"])));
    login.visit();
    login.finish().succeeded();
    for words in [&["status"][..], &["token"], &["token", "--force-refresh"], &["logout"]] {
        run(&mut hardened(home.command(words))).succeeded();
    }
}

/// The same command where core files may have any size.
fn with_core_files(mut command: Command) -> Command {
    // SAFETY: the call may be made between fork and exec.
    unsafe {
        command.pre_exec(|| Ok(setrlimit(Resource::RLIMIT_CORE, RLIM_INFINITY, RLIM_INFINITY)?))
    };
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn crash(home: &Home, words: &[&str]) -> ExitStatus {
    with_core_files(home.command_of(words[0], &words[1..])).status().expect("it runs")
}

#[test]
fn a_crash_leaves_no_core_file_and_the_commands_of_others_do() {
    let home = Home::new();
    home.login_with(&["--store", "file"]);
    let crashing = ["sh", "-c", "kill -ABRT $$"];
    if !crash(&home, &crashing).core_dumped() {
        return skip("this machine leaves no core files");
    }
    let latch = home.command(&["exec", "--"]);
    let program = latch.get_program().to_string_lossy();
    let words = [&[program.as_ref(), "exec", "--"][..], &crashing].concat();
    assert!(crash(&home, &words).core_dumped(), "the command of latch exec");

    let issuer = home.provider.issuer();
    let words = ["login", "--issuer", issuer, "--client-id", "demo", "--flow", "paste"];
    let mut login = with_core_files(home.command(&words));
    let mut login = login.stderr(Stdio::piped()).spawn().expect("latch starts");
    // It has come to its end as soon as it has said the first word.
    let mut first = [0];
    let mut said = login.stderr.take().expect("standard error");
    said.read_exact(&mut first).expect("a word");
    kill(Pid::from_raw(login.id().cast_signed()), Signal::SIGABRT).expect("a signal");
    let end = login.wait().expect("its end");
    assert_eq!(end.signal(), Some(libc::SIGABRT));
    assert!(!end.core_dumped(), "latch itself");
}

#[test]
fn a_browser_inherits_no_secret() {
    let home = Home::new();
    let seen = home.path("seen");
    assert!(Command::new("mkfifo").arg(&seen).status().expect("mkfifo").success());
    let script = format!("env > {}", seen.display());
    let browser = shlex::try_join(["sh", "-c", &script, "sh"]).expect("words");
    for (name, value) in [("LATCH_BROWSER", &browser), ("BROWSER", &browser)] {
        let words = ["login", "--issuer", home.provider.issuer(), "--client-id", "demo"];
        let mut command = home.command(&words);
        command.args(["--scope", "openid", "--flow", "browser"]).env(name, value);
        for variable in secret_variables::ALL {
            // The token is not one of Hexclave's: that one is an error here.
            if variable != secret_variables::ANONYMOUS_REFRESH_TOKEN {
                command.env(variable, "s3cret");
            }
        }
        let _login = Pending::start(&mut command);
        let text = fs::read_to_string(&seen).expect("an environment");
        assert!(text.contains("HOME=") && !text.contains("s3cret"), "{name}: {text}");
    }
}

#[test]
fn a_browser_that_fails_at_once_is_noticed() {
    let home = Home::new();
    let words = ["login", "--issuer", home.provider.issuer(), "--client-id", "demo"];
    let mut command = home.command(&words);
    command.args(["--scope", "openid", "--browser", "false", "--plain"]);
    let tty = Tty::start(command);
    let screen = tty.until("Open the address above.");
    assert!(screen.contains("false: it ended with exit status: 1"), "{screen}");
    // The address is still good.
    let address = screen.split_whitespace().find(|word| word.starts_with("http://127.0.0.1:"));
    block_on(Visitor::default().visit(address.expect("an address"))).expect("the last page");
    assert_eq!(tty.finish().code, 0);
}

#[test]
fn the_longest_lock_timeout_is_for_ever() {
    let home = Home::new();
    home.login_with(&["--store", "file"]);
    for seconds in [i64::MAX as u64, u64::MAX].map(|seconds| seconds.to_string()) {
        let words = ["token", "--force-refresh", "--lock-timeout", &seconds];
        let words = [&words[..], &["--keyring-timeout", &seconds]].concat();
        home.latch(&words).succeeded();
    }
}
