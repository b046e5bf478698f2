//! Sessions in the keyring of the Linux kernel.
#![cfg(target_os = "linux")]

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use latchstring::capability::store::{Key, KeyringStore, Store as _};
use latchstring_testing::{Home, Pending, block_on, built, run, skip};
use rustix::process::Uid;
use rustix::thread::set_thread_res_uid;

/// A user whom nothing on this machine belongs to, so that their quota is this test's.
const ZOE: u32 = 23_457;
const MALLORY: u32 = 65_534;

const GET_PERSISTENT: i32 = 22;
// Keyrings, wherever a keyring's number is asked for.
const THREAD_KEYRING: i64 = -1;
const USER_KEYRING: i64 = -4;

/// A home whose keys go when it is dropped.
struct Kernel {
    home: Home,
}

impl Kernel {
    /// Returns `None` if the kernel's keyring may not be used here.
    fn new() -> Option<Self> {
        if KeyringStore::kernel_answers() {
            return Some(Self { home: Home::new() });
        }
        skip("the kernel's keyring; keyctl is not permitted here");
        None
    }

    fn store(&self) -> KeyringStore {
        KeyringStore::kernel(self.home.state_folder())
    }

    /// The lines about this home's keys. A key that no keyring has any more is listed for a
    /// moment.
    fn keys(&self) -> Vec<String> {
        let folder = self.home.path("").canonicalize().expect("a home").display().to_string();
        let linked = linked_keys();
        let keys = fs::read_to_string("/proc/keys").expect("the list of keys");
        let ours = keys.lines().filter(|line| line.contains(&folder));
        ours.filter(|line| linked.contains(&number_of(line))).map(str::to_owned).collect()
    }

    /// Deletes what the kernel has, as a restart does, and nothing else.
    fn restart(&self) {
        let store = self.store();
        for key in block_on(store.list()).expect("a list") {
            let marker = self.home.state_folder().join(format!("{}.kernel", key.file_stem()));
            delete(&store, &key);
            fs::write(&marker, "").expect("a marker");
            fs::set_permissions(&marker, fs::Permissions::from_mode(0o600)).expect("mine");
        }
        assert_eq!(self.keys(), [""; 0]);
    }
}

impl Drop for Kernel {
    /// Nothing stays, whatever a test that failed left where.
    fn drop(&mut self) {
        const UNLINK: i32 = 9;
        for line in self.keys() {
            for ring in rings() {
                let _ = keyctl(UNLINK, number_of(&line).into(), ring, 0);
            }
        }
    }
}

fn delete(store: &KeyringStore, key: &Key) {
    block_on(async {
        let held = store.lock(key).await.expect("a lock");
        store.delete(&held).await.expect("deleted");
    });
}

fn keyctl(operation: i32, one: i64, two: i64, three: i64) -> io::Result<i64> {
    // SAFETY: none of the operations here writes to memory of this process.
    match unsafe { libc::syscall(libc::SYS_keyctl, operation, one, two, three) } {
        -1 => Err(io::Error::last_os_error()),
        result => Ok(result),
    }
}

/// The number of the key that a line of `/proc/keys` is about.
fn number_of(line: &str) -> i32 {
    let number = line.split(' ').next().expect("a number");
    i32::from_str_radix(number, 16).expect("a number")
}

/// The user keyring, and the persistent one if the kernel has it.
fn rings() -> impl Iterator<Item = i64> {
    let persistent = keyctl(GET_PERSISTENT, -1, THREAD_KEYRING, 0).ok();
    [Some(USER_KEYRING), persistent].into_iter().flatten()
}

/// The numbers of the keys in them.
fn linked_keys() -> Vec<i32> {
    rings().flat_map(keys_in).collect()
}

fn keys_in(ring: i64) -> Vec<i32> {
    const READ: i32 = 11;
    let mut numbers = vec![0_i32; 4096];
    let size = size_of_val(numbers.as_slice());
    // SAFETY: the kernel writes at most `size` bytes.
    let length = unsafe { libc::syscall(libc::SYS_keyctl, READ, ring, numbers.as_mut_ptr(), size) };
    let length = usize::try_from(length).expect("a keyring to read");
    assert!(length <= size, "more keys than this test reads");
    numbers.truncate(length / size_of::<i32>());
    numbers
}

#[test]
fn a_whole_session_in_the_kernel_leaves_nothing_behind() {
    let Some(kernel) = Kernel::new() else { return };
    let home = &kernel.home;
    home.login_with(&["--store", "kernel"]).saying(&["gone after a restart"]);
    assert!(home.config().contains("store = \"kernel\""), "{}", home.config());
    assert!(home.session_files().is_empty());
    let keys = kernel.keys();
    // Its possessor may do everything, its user see that it exists, others nothing.
    assert!(keys.len() == 1 && keys[0].contains(" 3f010000 "), "{keys:?}");

    let first = home.token(&[]);
    assert_eq!(home.token(&[]), first);
    let refresh = home.latch(&["token", "--force-refresh"]).succeeded();
    assert_ne!(refresh.stdout.trim_end(), first);
    assert_eq!(refresh.stderr, "");
    assert_eq!(home.token(&[]), refresh.stdout.trim_end());
    let status = home.latch(&["status", "--json"]).succeeded().json();
    assert_eq!(status[0]["store"], "kernel");
    assert!(!home.login().stderr.contains("restart"), "it was said at the first login");

    home.latch(&["logout"]).succeeded();
    assert_eq!(kernel.keys(), [""; 0]);
    home.latch(&["token"]).failed(3, "login-required").saying(&["you are not logged in"]);
}

/// The same command with a session keyring that nothing is in, as systemd starts a service.
fn alone(mut command: Command) -> Command {
    // SAFETY: a system call, between fork and exec.
    unsafe {
        command.pre_exec(|| {
            const JOIN_SESSION_KEYRING: i32 = 1;
            keyctl(JOIN_SESSION_KEYRING, 0, 0, 0).map(drop)
        });
    }
    command
}

#[test]
fn a_process_whose_session_keyring_leads_nowhere_reaches_it_too() {
    let Some(kernel) = Kernel::new() else { return };
    let home = &kernel.home;
    home.login_with(&["--store", "kernel"]);
    let first = home.token(&[]);
    for words in [&["token"][..], &["token", "--force-refresh"], &["whoami"], &["logout"]] {
        let run = run(&mut alone(home.command(words))).succeeded();
        assert!(words != ["token"] || run.stdout.trim_end() == first);
    }
    assert_eq!(kernel.keys(), [""; 0]);
}

#[test]
fn another_user_cannot_read_a_key_whose_number_they_know() {
    let Some(kernel) = Kernel::new() else { return };
    if !rustix::process::geteuid().is_root() {
        return skip("two users and one key; only root can play both");
    }
    kernel.home.login_with(&["--store", "kernel"]);
    let number = i64::from(number_of(&kernel.keys()[0]));
    let act = move || {
        let uid = Uid::from_raw(MALLORY);
        set_thread_res_uid(uid, uid, uid).expect("another user");
        // Read, describe, update, change its permissions, link to their own keyring.
        let attempts = [(11, 0), (6, 0), (2, 0), (5, 0), (8, THREAD_KEYRING)];
        attempts.map(|(operation, two)| keyctl(operation, number, two, 0))
    };
    for refused in std::thread::spawn(act).join().expect("an attempt") {
        let error = refused.expect_err("another user's key");
        assert_eq!(error.raw_os_error(), Some(libc::EACCES), "{error}");
    }
}

#[test]
fn a_session_that_the_kernel_forgot_is_told_from_a_login_that_never_was() {
    let Some(kernel) = Kernel::new() else { return };
    let home = &kernel.home;
    home.login_with(&["--store", "kernel"]);
    kernel.restart();
    for words in [&["token"][..], &["whoami"], &["status"]] {
        home.latch(words).failed(3, "login-required").saying(&["gone from the kernel's keyring"]);
    }
    let doctor = home.latch(&["doctor"]).succeeded().stdout;
    assert!(doctor.contains("session    gone from the keyring of this user"), "{doctor}");
    home.login();
    home.token(&[]);
    assert_eq!(kernel.keys().len(), 1);
}

#[test]
fn a_logout_clears_up_after_a_session_that_the_kernel_forgot() {
    let Some(kernel) = Kernel::new() else { return };
    let home = &kernel.home;
    for words in [&["logout"][..], &["logout", "--all"]] {
        home.login_with(&["--store", "kernel"]);
        kernel.restart();
        home.latch(words).succeeded();
        home.latch(&["token"]).failed(3, "login-required").saying(&["you are not logged in"]);
    }
    home.latch(&["profile", "remove", "default"]).succeeded();
}

#[test]
fn a_session_moves_to_the_kernel_and_back_and_loses_nothing() {
    let Some(kernel) = Kernel::new() else { return };
    let home = &kernel.home;
    home.login_with(&["--store", "file"]);
    let before = fs::read(home.session_file()).expect("a session");
    let first = home.token(&[]);
    home.latch(&["move", "kernel"])
        .succeeded()
        .saying(&["gone after a restart", "is now in the keyring of this user (Linux kernel)"]);
    assert!(home.session_files().is_empty());
    assert_eq!(home.token(&[]), first);
    home.latch(&["move", "file"]).succeeded();
    assert_eq!(kernel.keys(), [""; 0]);
    assert_eq!(fs::read(home.session_file()).expect("the session"), before);
}

#[test]
fn a_session_that_no_key_can_hold_is_split() {
    let Some(kernel) = Kernel::new() else { return };
    if !rustix::process::geteuid().is_root() {
        return skip("a session of 100 kB in the kernel; the quota of others is smaller");
    }
    let (store, key) = (kernel.store(), Key { profile: "work".into(), account: "a".into() });
    block_on(async {
        let held = store.lock(&key).await.expect("a lock");
        for value in [vec![1; 100_000], b"small".to_vec(), vec![2; 70_000]] {
            store.write(&held, &value).await.expect("written");
            assert_eq!(store.read(&key).await.expect("read"), Some(value));
        }
    });
    assert_eq!(kernel.keys().len(), 4, "a head and three parts");
    delete(&store, &key);
    assert_eq!(kernel.keys(), [""; 0]);
}

#[test]
fn a_full_keyring_is_found_before_the_user_logs_in() {
    let Some(kernel) = Kernel::new() else { return };
    let home = &kernel.home;
    let program = built("latch");
    let is_open = |path: &std::path::Path| {
        fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o5 == 0o5)
    };
    if !rustix::process::geteuid().is_root() || !program.ancestors().all(is_open) {
        return skip("a full keyring; needs root, and a program that all users can reach");
    }
    for path in [home.path(""), home.work_folder()] {
        chown(path, Some(ZOE), Some(ZOE)).expect("another owner");
    }
    fill_keyring(ZOE);
    let mut command = home.login_command(&["--store", "kernel"]);
    let login = run(command.uid(ZOE).gid(ZOE));
    empty_keyring(ZOE);
    login.failed(8, "store-unusable").saying(&[
        "no room left",
        "200 keys (maxkeys)",
        "/proc/sys/kernel/keys",
    ]);
    assert!(home.provider.log().is_empty());
}

/// Adds keys to this user's keyring until the kernel takes no more.
fn fill_keyring(uid: u32) {
    let act = move || {
        let uid = Uid::from_raw(uid);
        set_thread_res_uid(uid, uid, uid).expect("another user");
        for number in 0.. {
            let name = std::ffi::CString::new(format!("filler {number}")).expect("a name");
            // SAFETY: the kernel reads two texts with an end, and one byte.
            let added = unsafe {
                libc::syscall(
                    libc::SYS_add_key,
                    c"user".as_ptr(),
                    name.as_ptr(),
                    c"x".as_ptr(),
                    1,
                    USER_KEYRING,
                )
            };
            if added < 0 {
                return io::Error::last_os_error();
            }
        }
        unreachable!("a keyring without a limit")
    };
    let error = std::thread::spawn(act).join().expect("keys");
    assert_eq!(error.raw_os_error(), Some(libc::EDQUOT), "{error}");
}

fn empty_keyring(uid: u32) {
    let act = move || {
        let uid = Uid::from_raw(uid);
        set_thread_res_uid(uid, uid, uid).expect("another user");
        const CLEAR: i32 = 7;
        keyctl(CLEAR, USER_KEYRING, 0, 0)
    };
    std::thread::spawn(act).join().expect("a thread").expect("an empty keyring");
}

// ---- Where keyctl is not permitted -------------------------------------------

/// Which calls a filter refuses.
#[derive(Clone, Copy)]
enum Refused {
    /// Everything about keys, as containers do.
    Keys,
    /// Only persistent keyrings, as a kernel does that was built without them.
    PersistentKeyrings,
}

/// The same command with a filter that has calls fail with `errno`.
fn confined(mut command: Command, refused: Refused, errno: i32) -> Command {
    const OPERATION: u32 = 16;
    let code = |code: u32| u16::try_from(code).expect("a code of 16 bits");
    let load = code(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS);
    let (equals, end) = (code(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K), code(libc::BPF_RET));
    let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let call = |number: libc::c_long| u32::try_from(number).expect("a system call");
    let (keyctl, add_key) = (call(libc::SYS_keyctl), call(libc::SYS_add_key));
    let ends = [
        step(end, 0, 0, libc::SECCOMP_RET_ALLOW),
        step(end, 0, 0, libc::SECCOMP_RET_ERRNO | u32::try_from(errno).expect("an error")),
    ];
    let steps = match refused {
        Refused::Keys => [step(equals, 2, 0, keyctl), step(equals, 1, 0, add_key)].to_vec(),
        Refused::PersistentKeyrings => [
            step(equals, 0, 2, keyctl),
            step(load, 0, 0, OPERATION),
            step(equals, 1, 0, GET_PERSISTENT.unsigned_abs()),
        ]
        .to_vec(),
    };
    let mut filter = [&[step(load, 0, 0, 0)], &steps[..], &ends].concat();
    // SAFETY: two system calls, between fork and exec. The filter lives in the closure.
    unsafe {
        command.pre_exec(move || {
            let len = u16::try_from(filter.len()).expect("a short filter");
            let program = libc::sock_fprog { len, filter: filter.as_mut_ptr() };
            let mode = libc::SECCOMP_MODE_FILTER;
            let is_set = libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
                && libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program) == 0;
            if is_set { Ok(()) } else { Err(io::Error::last_os_error()) }
        });
    }
    command
}

#[test]
fn a_kernel_without_persistent_keyrings_keeps_the_session_in_the_user_keyring() {
    let Some(kernel) = Kernel::new() else { return };
    let home = &kernel.home;
    let here = |words: &[&str]| {
        let command = alone(home.command(words));
        run(&mut confined(command, Refused::PersistentKeyrings, libc::EOPNOTSUPP)).succeeded()
    };
    let login = home.login_command(&["--store", "kernel"]);
    let login = confined(login, Refused::PersistentKeyrings, libc::EOPNOTSUPP);
    let pending = Pending::start(&mut { login });
    pending.visit();
    pending.finish().succeeded();
    let first = here(&["token"]).stdout;
    assert_eq!(here(&["token"]).stdout, first);
    assert_ne!(here(&["token", "--force-refresh"]).stdout, first);
    // With persistent ones, another keyring is looked into.
    home.latch(&["token"]).failed(3, "login-required");
    here(&["logout"]);
    assert_eq!(kernel.keys(), [""; 0]);
}

#[test]
fn where_keyctl_is_not_permitted_the_error_says_what_to_allow() {
    let home = Home::new();
    for errno in [libc::EPERM, libc::ENOSYS] {
        let login = confined(home.login_command(&["--store", "kernel"]), Refused::Keys, errno);
        run(&mut { login }).failed(8, "store-unusable").saying(&[
            "may not use the kernel's keyring",
            "seccomp",
            "--store file",
        ]);
    }
    assert!(home.provider.log().is_empty());
    let doctor = run(&mut confined(home.command(&["doctor"]), Refused::Keys, libc::EPERM))
        .succeeded()
        .stdout;
    assert!(doctor.contains("kernel     cannot be used"), "{doctor}");
}

#[test]
fn the_notice_names_the_kernel_only_where_it_answers() {
    let Some(kernel) = Kernel::new() else { return };
    let login = kernel.home.login();
    login.saying(&["instead of the keyring", "Safer here: --store kernel", "--key-file FILE"]);
    let doctor = kernel.home.latch(&["doctor"]).succeeded().stdout;
    assert!(doctor.contains("not encrypted; only you can read them. Safer here: "), "{doctor}");
    // A service, as systemd starts one.
    let doctor = run(kernel.home.command(&["doctor"]).env("INVOCATION_ID", "1")).succeeded().stdout;
    assert!(doctor.contains("Safer here: a systemd credential latchstring-key"), "{doctor}");
    let home = Home::new();
    let pending =
        Pending::start(&mut confined(home.login_command(&[]), Refused::Keys, libc::EPERM));
    pending.visit();
    let login = pending.finish().succeeded().saying(&["Safer here: --key-file FILE"]);
    assert!(!login.stderr.contains("kernel"), "{}", login.stderr);
    // Encrypted files need no advice, and a session in a file stays there.
    let home = Home::new();
    let key = home.path("key").display().to_string();
    assert!(!home.login_with(&["--key-file", &key]).stderr.contains("Safer"));
}
