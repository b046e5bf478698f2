//! Sessions of a service, encrypted with the systemd credential `latchstring-key`.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use latchstring_testing::{Home, Pending, Run, built, run, skip};

/// The user that a service runs as.
const SERVICE: u32 = 23_458;

/// A home, and the folder that systemd makes for a service.
struct Service {
    home: Home,
    folder: PathBuf,
}

impl Service {
    /// The credential is a key that a login made, as the documentation has it.
    fn new() -> Self {
        let home = Home::new();
        let key = home.path("key").display().to_string();
        home.login_with(&["--profile", "setup", "--store", "file", "--key-file", &key]);
        let folder = home.path("credentials");
        fs::create_dir(&folder).expect("a folder");
        let credential = folder.join("latchstring-key");
        fs::copy(&key, &credential).expect("a credential");
        mode(&credential, 0o400);
        mode(&folder, 0o500);
        Self { home, folder }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.home.command(words);
        command.env("CREDENTIALS_DIRECTORY", &self.folder);
        command
    }

    fn latch(&self, words: &[&str]) -> Run {
        run(&mut self.command(words))
    }

    fn token(&self, words: &[&str]) -> String {
        let words = [&["token"], words].concat();
        self.latch(&words).succeeded().stdout.trim_end().to_owned()
    }

    fn log_in(&self, extra: &[&str]) -> Run {
        let arguments = self.home.login_arguments();
        let words: Vec<&str> =
            arguments.iter().map(String::as_str).chain(extra.iter().copied()).collect();
        let login = Pending::start(&mut self.command(&words));
        login.visit();
        login.finish().succeeded()
    }

    fn session(&self) -> PathBuf {
        let of_profile = |path: &PathBuf| path.display().to_string().contains("/state/default.");
        let mut files = self.home.session_files();
        files.retain(of_profile);
        files.pop().expect("a session")
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
}

#[test]
fn a_service_encrypts_its_sessions_with_its_credential_and_needs_no_setting() {
    let service = Service::new();
    let login = service.log_in(&[]);
    // Encrypted: there is nothing better to say.
    assert!(!login.stderr.contains("Safer here"), "{}", login.stderr);
    let sealed = || fs::read(service.session()).expect("a session");
    assert!(sealed().starts_with(b"age-encryption.org/v1\n"));
    let first = service.token(&[]);
    assert_eq!(service.token(&[]), first);
    assert_ne!(service.token(&["--force-refresh"]), first);
    assert!(sealed().starts_with(b"age-encryption.org/v1\n"));
    let doctor = service.latch(&["doctor"]).succeeded().stdout;
    assert!(doctor.contains("encrypted with this service's credential"), "{doctor}");
    service.home.latch(&["token"]).failed(8, "store-unusable").saying(&["is encrypted"]);
}

#[test]
fn a_session_from_before_the_credential_is_encrypted_at_its_next_save() {
    let service = Service::new();
    service.home.login_with(&["--store", "file"]);
    let first = service.token(&[]);
    assert!(fs::read(service.session()).expect("a session").starts_with(b"{"));
    assert_ne!(service.token(&["--force-refresh"]), first);
    assert!(fs::read(service.session()).expect("a session").starts_with(b"age-encryption.org"));
}

#[test]
fn a_key_file_that_is_only_in_the_credential_any_more_is_found_there() {
    let service = Service::new();
    let key = service.home.path("key");
    let words = ["token", "--profile", "setup"];
    let first = service.latch(&words).succeeded().stdout;
    fs::remove_file(&key).expect("a key file");
    service.home.latch(&words).failed(8, "store-unusable").saying(&["does not exist"]);
    assert_eq!(service.latch(&words).succeeded().stdout, first);
}

#[test]
fn what_the_user_set_goes_before_the_credential() {
    let service = Service::new();
    let other = service.home.path("other").display().to_string();
    service.log_in(&["--store", "file", "--key-file", &other]);
    service.home.token(&[]);
    service.token(&[]);
    service
        .latch(&["token", "--profile", "setup", "--key-file", &other])
        .failed(8, "store-unusable")
        .saying(&["cannot be decrypted with the key file"]);
}

#[test]
fn a_credential_that_others_can_read_or_that_is_no_key_is_refused() {
    let service = Service::new();
    service.log_in(&["--store", "file"]);
    let credential = service.folder.join("latchstring-key");
    mode(&credential, 0o444);
    service
        .latch(&["token"])
        .failed(8, "store-unusable")
        .saying(&["is open to other users", "LoadCredentialEncrypted="]);
    mode(&credential, 0o600);
    fs::write(&credential, "AGE-SECRET-KEY-1TYPO").expect("a credential");
    let refused = service.latch(&["token"]).failed(8, "store-unusable");
    assert!(!refused.stderr.contains("TYPO"), "{}", refused.stderr);
}

#[test]
fn a_credential_may_belong_to_root_and_let_the_services_user_in_as_a_group() {
    let program = built("latch");
    let is_open =
        |path: &Path| fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o5 == 0o5);
    if !rustix::process::geteuid().is_root() || !program.ancestors().all(is_open) {
        return skip("a service's user; needs root, and a program that all users can reach");
    }
    let service = Service::new();
    // As systemd makes it with an access control list: the list's mask is the group's mode.
    let credential = service.folder.join("latchstring-key");
    for (path, bits) in [(&credential, 0o440), (&service.folder, 0o550)] {
        chown(path, Some(0), Some(SERVICE)).expect("another group");
        mode(path, bits);
    }
    for name in ["", "work"] {
        chown(service.home.path(name), Some(SERVICE), Some(SERVICE)).expect("another owner");
    }
    let folder = |name: &str| service.home.path(name).display().to_string();
    let (state, config) = (folder("its-state"), folder("its-config"));
    let as_service = |mut command: Command| {
        command.args(["--state-dir", &state, "--config-dir", &config]);
        command.uid(SERVICE).gid(SERVICE);
        command
    };
    let mut login = as_service(service.command(&[]));
    login.args(service.home.login_arguments()).args(["--store", "file"]);
    let login = Pending::start(&mut login);
    login.visit();
    login.finish().succeeded();
    run(&mut as_service(service.command(&["token", "--force-refresh"]))).succeeded();
}

#[test]
fn what_systemd_seals_and_opens_again_is_a_key() {
    let service = Service::new();
    let secret = service.home.path("host-key");
    let systemd_creds = |words: &[&str]| {
        let mut command = Command::new("systemd-creds");
        // Instead of this machine's own key.
        command.args(words).env("SYSTEMD_CREDENTIAL_SECRET", &secret).output()
    };
    match systemd_creds(&["setup"]) {
        Ok(made) if made.status.success() => {}
        _ => return skip("a credential that systemd seals; systemd-creds is missing"),
    }
    service.log_in(&["--store", "file"]);
    let first = service.token(&[]);
    let key = service.home.path("key").display().to_string();
    let sealed = service.home.path("latchstring-key.cred").display().to_string();
    let words = ["encrypt", "--with-key=host", "--name=latchstring-key", &key, &sealed];
    assert!(systemd_creds(&words).expect("systemd-creds runs").status.success());
    let credential = service.folder.join("latchstring-key");
    mode(&service.folder, 0o700);
    fs::remove_file(&credential).expect("the copy");
    let opened = credential.display().to_string();
    let words = ["decrypt", "--name=latchstring-key", &sealed, &opened];
    assert!(systemd_creds(&words).expect("systemd-creds runs").status.success());
    mode(&credential, 0o400);
    assert_eq!(service.token(&[]), first);
}
