//! Homes in which nothing can be kept: none at all, one on a read-only disk, one on a network
//! share without locks.
#![cfg(target_os = "linux")]

use std::fs;
use std::io::{Error, Result};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use latchstring_testing::session::Session;
use latchstring_testing::{Home, built, run, skip};
use nix::libc;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use super::two_users::can_be_two_users;

/// A user whom the system knows nothing of, as containers start programs.
const NOBODY_KNOWN: u32 = 23_458;

/// Makes the folder read-only for this process and what it starts.
fn make_read_only(folder: &std::path::Path) -> Result<()> {
    let none = None::<&str>;
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    mount(Some(folder), folder, none, MsFlags::MS_BIND, none)?;
    let read_only = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    Ok(mount(none, folder, none, read_only, none)?)
}

/// The same command where the home is on a read-only disk.
fn on_read_only_disk(home: &Home, mut command: Command) -> Command {
    let folder = home.path("");
    // SAFETY: the calls may be made between fork and exec.
    unsafe { command.pre_exec(move || make_read_only(&folder)) };
    command
}

/// Has the kernel answer as a network share without locks does.
fn forbid_locks() -> Result<()> {
    const LOAD_NUMBER: u16 = 0x20;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    let no_locks = libc::SECCOMP_RET_ERRNO | libc::ENOLCK.cast_unsigned();
    let flock = u32::try_from(libc::SYS_flock).unwrap_or_default();
    let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let mut steps = [
        step(LOAD_NUMBER, 0, 0, 0),
        step(JUMP_IF_EQUAL, 0, 1, flock),
        step(RETURN, 0, 0, no_locks),
        step(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: 4, filter: steps.as_mut_ptr() };
    // SAFETY: the program lives as long as the calls.
    let outcome = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program)
    };
    if outcome == 0 { Ok(()) } else { Err(Error::last_os_error()) }
}

/// The same command where no file can be locked.
fn without_locks(mut command: Command) -> Command {
    // SAFETY: the calls may be made between fork and exec.
    unsafe { command.pre_exec(forbid_locks) };
    command
}

#[test]
fn a_user_without_a_home_is_told_what_to_set() {
    if !can_be_two_users() {
        return;
    }
    // The folder that it is built in may be closed to others.
    let open = tempfile::tempdir().expect("a folder");
    fs::set_permissions(open.path(), fs::Permissions::from_mode(0o755)).expect("an open folder");
    let program = open.path().join("latch");
    fs::copy(built("latch"), &program).expect("a copy of the program");
    let latch = |words: &[&str], home: Option<&str>| {
        let mut command = Command::new(&program);
        command.args(words).env_clear().envs(home.map(|home| ("HOME", home)));
        run(command.current_dir("/").uid(NOBODY_KNOWN).gid(NOBODY_KNOWN))
    };
    let login = ["login", "--issuer", "https://id.example", "--client-id", "a", "--store", "file"];
    for words in [&login[..], &["token"], &["status"], &["doctor"]] {
        latch(words, None).failed(2, "invalid-configuration").saying(&[
            "set HOME",
            "--config-dir",
            "--state-dir",
        ]);
    }
    // As Kubernetes starts containers with a user of their own.
    latch(&login, Some("/")).failed(8, "store-unusable").saying(&[
        "/.local/state/latchstring",
        "Permission denied",
        "--state-dir",
    ]);
    let add = ["profile", "add", "x", "--issuer", "https://id.example", "--client-id", "a"];
    latch(&add, Some("/")).failed(8, "not-saved").saying(&["/.config", "--config-dir"]);

    let folder = tempfile::tempdir().expect("a folder");
    chown(folder.path(), Some(NOBODY_KNOWN), None).expect("theirs");
    let path = |name| folder.path().join(name).display().to_string();
    let (config, state) = (path("config"), path("state"));
    let folders = ["--config-dir", &config, "--state-dir", &state];
    latch(&[&add[..], &folders].concat(), None).succeeded();
    latch(&[&["token", "--profile", "x"][..], &folders].concat(), None).failed(3, "login-required");
}

#[test]
fn on_a_read_only_disk_a_token_is_read_and_no_refresh_token_is_spent() {
    let home = Home::new();
    let probe = run(&mut on_read_only_disk(&home, Command::new("true")));
    if probe.code != 0 {
        return skip("a read-only disk, which only root can make");
    }
    home.login_with(&["--store", "file"]);
    let latch = |words: &[&str]| run(&mut on_read_only_disk(&home, home.command(words)));
    let token = home.token(&[]);
    assert_eq!(latch(&["token"]).succeeded().stdout.trim(), token);

    let asked = home.provider.log().len();
    let session = home.session_file();
    Session::read(&session).later(3_600).write();
    latch(&["token"]).failed(8, "store-unusable").saying(&["Read-only", "--state-dir"]);
    latch(&["logout"]).failed(8, "store-unusable").saying(&["Read-only", "--state-dir"]);
    let login = run(&mut on_read_only_disk(&home, home.login_command(&["--store", "file"])));
    login.failed(8, "not-saved").saying(&["Read-only", "--state-dir"]);
    let add = latch(&["profile", "add", "x", "--issuer", "https://id.example", "--client-id", "a"]);
    add.failed(8, "not-saved").saying(&["Read-only", "--config-dir"]);
    assert_eq!(home.provider.log().len(), asked, "the provider was not asked");
    assert_ne!(home.token(&[]), token, "the session is whole");
}

#[test]
fn on_a_share_without_locks_no_refresh_token_is_spent() {
    if let Err(error) = without_locks(Command::new("true")).status() {
        return skip(&format!("a share without locks, which this kernel cannot show: {error}"));
    }
    let home = Home::new();
    home.login_with(&["--store", "file"]);
    let latch = |words: &[&str]| run(&mut without_locks(home.command(words)));
    latch(&["token"]).succeeded();
    let asked = home.provider.log().len();
    for words in [&["token", "--force-refresh"][..], &["logout"]] {
        latch(words).failed(8, "store-unusable").saying(&[
            "cannot lock",
            "No locks available",
            "a file system that has locks",
            "--state-dir",
        ]);
    }
    let login = run(&mut without_locks(home.login_command(&["--store", "file"])));
    login.failed(8, "store-unusable").saying(&["cannot lock"]);
    assert_eq!(home.provider.log().len(), asked, "the provider was not asked");
    home.latch(&["token", "--force-refresh"]).succeeded();
}
