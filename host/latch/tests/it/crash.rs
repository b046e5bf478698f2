//! Killed at every system call of a renewal: what is stored is whole, and only
//! what the provider has taken without our keeping the answer is lost.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::process::Stdio;

use latchstring_testing::session::Session;
use latchstring_testing::{Home, run};
use nix::libc;
use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// A program that stops at each of its system calls.
struct Traced {
    pid: Pid,
}

impl Traced {
    /// Starts `command` and lets it run to its first taking of a lock: nothing
    /// before it can lose anything.
    #[expect(clippy::zombie_processes, reason = "it is waited for by its number")]
    fn start(home: &Home, words: &[&str], script: &str) -> Self {
        let latch = home.command(words);
        let mut shell = home.command_of("/bin/sh", &["-c", script]);
        shell.arg(latch.get_program()).args(latch.get_args());
        let child = shell.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a shell");
        let pid = Pid::from_raw(child.id().cast_signed());
        let stopped = waitpid(pid, Some(WaitPidFlag::WUNTRACED)).expect("the shell");
        assert_eq!(stopped, WaitStatus::Stopped(pid, Signal::SIGSTOP));
        ptrace::seize(pid, ptrace::Options::PTRACE_O_TRACESYSGOOD).expect("a tracer's rights");
        kill(pid, Signal::SIGCONT).expect("the shell goes on");
        Self { pid }
    }

    /// Runs to the next entry into a system call: its number, or none where the
    /// program has ended.
    fn next(&self) -> Option<i64> {
        loop {
            ptrace::syscall(self.pid, None).expect("the program goes on");
            match waitpid(self.pid, None).expect("the program") {
                WaitStatus::PtraceSyscall(_) => {
                    let registers = ptrace::getregs(self.pid).expect("its registers");
                    // The kernel sets this at the entry only.
                    if registers.rax.cast_signed() == -i64::from(libc::ENOSYS) {
                        return Some(registers.orig_rax.cast_signed());
                    }
                }
                WaitStatus::Exited(..) | WaitStatus::Signaled(..) => return None,
                _ => {}
            }
        }
    }

    fn kill(self) {
        kill(self.pid, Signal::SIGKILL).expect("a killing");
        let end = waitpid(self.pid, None).expect("its end");
        assert_eq!(end, WaitStatus::Signaled(self.pid, Signal::SIGKILL, false));
    }
}

/// Where a program was killed.
struct Death {
    /// What it was about to ask of the kernel.
    call: i64,
    /// Whether it had spoken to the network before.
    after_network: bool,
}

/// Runs the program as it is.
const AS_IT_IS: &str = "kill -STOP $$; exec \"$0\" \"$@\"";

/// Runs the program from a file that is gone: it cannot start itself again, and so
/// renews by itself.
const ALONE: &str = "ln \"$0\" \"$0.$$\"; exec 9<\"$0.$$\"; rm \"$0.$$\"
    kill -STOP $$; exec /proc/self/fd/9 \"$@\"";

/// Kills `latch` with these words at its system call `number` after the first call
/// `from`; none where it ends before.
fn killed_at(home: &Home, script: &str, words: &[&str], from: i64, number: usize) -> Option<Death> {
    let traced = Traced::start(home, words, script);
    while traced.next()? != from {}
    let mut after_network = false;
    for _ in 0..number {
        after_network |= traced.next()? == libc::SYS_connect;
    }
    let call = traced.next()?;
    traced.kill();
    Some(Death { call, after_network })
}

#[test]
fn a_renewal_killed_at_any_system_call_loses_nothing_that_it_had() {
    let home = Home::new();
    home.login_with(&["--store", "file"]);
    let renewing = ["token", "--force-refresh"];
    // Deaths, and those of them after which the session may be lost: between the
    // provider's answer and the file that keeps it.
    let (mut deaths, mut between) = (0, 0);
    for number in 0.. {
        let before = Session::read(&home.session_file());
        let refreshes = home.asked("/token").len();
        let Some(death) = killed_at(&home, ALONE, &renewing, libc::SYS_flock, number) else {
            break;
        };
        deaths += 1;
        // What it had sent is in the log now: it may have died before the provider
        // had read it.
        home.provider.wait_for_end_of_connections().expect("a provider");
        // Whole, whichever it is.
        let after = Session::read(&home.session_file());
        let has_new = after.inner["refresh_token"] != before.inner["refresh_token"];
        let provider_has_answered = home.asked("/token").len() > refreshes;
        let may_be_lost = provider_has_answered && !has_new;
        between += usize::from(may_be_lost);
        let next = run(&mut home.command(&["token", "--force-refresh"]));
        if next.code == 0 {
            continue;
        }
        let next = next.failed(3, "login-required");
        assert!(
            may_be_lost && death.after_network,
            "killed before system call {} ({number}): {}",
            death.call,
            next.stderr
        );
        home.login_with(&["--store", "file"]);
    }
    assert!(deaths > 50, "only {deaths} system calls were tried");
    assert!(between > 0, "no death fell between the answer and the file");
}

#[test]
fn a_caller_killed_at_any_system_call_loses_no_session() {
    let home = Home::new();
    home.login_with(&["--store", "file"]);
    for number in 0.. {
        let words = ["token", "--force-refresh"];
        let Some(_) = killed_at(&home, AS_IT_IS, &words, libc::SYS_execve, number * 7) else {
            break;
        };
        home.token(&["--force-refresh"]);
    }
    home.token(&["--force-refresh"]);
}
