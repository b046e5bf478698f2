//! Sessions as files: damaged ones, newer ones, and who may read them.

use std::fs;
#[cfg(unix)]
use std::fs::Permissions;
#[cfg(unix)]
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

#[cfg(unix)]
use latchstring_testing::Pending;
use latchstring_testing::session::Session;
use latchstring_testing::{Home, run};
use serde_json::json;

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("metadata").permissions().mode() & 0o777
}

/// The session in `file` as it may be found: bytes, and the code to expect.
fn ruins(file: &Path) -> Vec<(Vec<u8>, &'static str)> {
    let good = fs::read(file).expect("a session");
    let mut newer_outside = Session::read(file);
    newer_outside.header = json!({ "latchstring": 2, "sealed": "otherwise" });
    let mut newer_inside = Session::read(file);
    newer_inside.inner = json!({ "format": 2, "tokens": "elsewhere" });
    let mut nobodys = Session::read(file);
    nobodys.inner["access_token"] = json!(7);
    let mut anothers = Session::read(file);
    anothers.inner["client_id"] = json!("another");
    let line_end = good.iter().position(|byte| *byte == b'\n').expect("two parts");
    vec![
        (Vec::new(), "stored-damaged"),
        (b"\0\xff\xfe nonsense".to_vec(), "stored-damaged"),
        (b"{\"latchstring\":1}\n".to_vec(), "stored-damaged"),
        (good[..good.len() / 2].to_vec(), "stored-damaged"),
        (good[..good.len() - 1].to_vec(), "stored-damaged"),
        (good[..=line_end].to_vec(), "stored-damaged"),
        ([&good[..], b"\n"].concat(), "stored-damaged"),
        (nobodys.bytes(), "stored-damaged"),
        (anothers.bytes(), "stored-damaged"),
        (newer_outside.bytes(), "stored-newer"),
        (newer_inside.bytes(), "stored-newer"),
    ]
}

#[test]
fn a_session_that_cannot_be_read_is_named_and_kept() {
    let home = Home::new();
    home.login();
    let file = home.session_file();
    let asked = home.provider.log().len();
    for (bytes, code) in ruins(&file) {
        fs::write(&file, &bytes).expect("a session");
        let path = file.display().to_string();
        for command in [
            &["token"][..],
            &["token", "--force-refresh"],
            &["whoami"],
            &["logout"],
            &["logout", "--all"],
        ] {
            let run = home.latch(command);
            let run = run.failed(8, code).saying(&[&path]);
            assert!(!run.stderr.contains("nonsense"), "{}", run.stderr);
            assert_eq!(fs::read(&file).expect("the session"), bytes, "{command:?}");
        }
    }
    assert_eq!(home.provider.log().len(), asked);
}

#[test]
fn a_login_sets_aside_what_cannot_be_read_and_keeps_it() {
    let home = Home::new();
    home.login();
    let file = home.session_file();
    let (damaged, newer): (Vec<_>, Vec<_>) =
        ruins(&file).into_iter().partition(|(_, code)| *code == "stored-damaged");
    for (bytes, _) in &damaged {
        fs::write(&file, bytes).expect("a session");
        let run = home.login();
        let aside = run.stderr.lines().find_map(|line| line.split_once("it is kept as "));
        let (_, aside) = aside.expect("its new place");
        assert_eq!(fs::read(aside).expect("what was kept"), *bytes);
        home.token(&[]);
    }
    for (bytes, code) in newer {
        fs::write(&file, &bytes).expect("a session");
        home.latch(&["login", "--no-browser", "--timeout", "0"]).failed(8, code);
        assert_eq!(fs::read(&file).expect("the session"), bytes);
    }
}

#[test]
fn status_shows_a_session_that_cannot_be_read_and_hides_no_other() {
    let home = Home::new();
    home.login();
    let file = home.session_file();
    home.login_with(&["--profile", "work"]);
    for (bytes, code) in ruins(&file).into_iter().filter(|(bytes, _)| {
        // Whose session it is, only its own client can tell.
        !String::from_utf8_lossy(bytes).contains("another")
    }) {
        fs::write(&file, &bytes).expect("a session");
        let path = file.display().to_string();
        let in_json = path.replace('\\', "\\\\");
        let run = home.latch(&["status", "--json"]).failed(8, code).saying(&[&in_json]);
        let rows = run.json();
        assert_eq!(rows[0]["error"]["code"], code);
        assert_eq!(rows[1]["profile"], "work");
        assert_eq!(rows[1]["logged_in"], true);
        let words = home.latch(&["status"]).failed(8, code).stdout;
        assert!(words.contains(&path) && words.contains("Ada Lovelace"), "{words}");
        assert_eq!(fs::read(&file).expect("the session"), bytes);
    }
    home.token(&["--profile", "work"]);
}

#[test]
fn one_session_that_cannot_be_read_keeps_no_other_logged_in() {
    let home = Home::new();
    home.login();
    let file = home.session_file();
    home.login_with(&["--profile", "work"]);
    fs::write(&file, "ruined").expect("a session");
    let run = home.latch(&["logout", "--all"]).failed(8, "stored-damaged");
    assert!(run.stderr.contains("Logged out of the profile work"), "{}", run.stderr);
    assert_eq!(home.session_files(), [file]);
}

#[cfg(unix)]
#[test]
fn sessions_are_private_whatever_the_umask() {
    for umask in ["000", "027", "077"] {
        let home = Home::new();
        let login = home.login_arguments();
        let line = format!("umask {umask}; exec \"$@\"");
        let latch = home.program().display().to_string();
        let mut words = vec!["-c", &line, "sh", &latch];
        words.extend(login.iter().map(String::as_str));
        let pending = Pending::start(&mut home.command_of("sh", &words));
        pending.visit();
        pending.finish().succeeded();
        assert_eq!(mode(&home.state_folder()), 0o700, "umask {umask}");
        for entry in fs::read_dir(home.state_folder()).expect("a folder") {
            let path = entry.expect("an entry").path();
            assert_eq!(mode(&path), 0o600, "umask {umask}: {}", path.display());
        }
        run(&mut home.command_of("sh", &["-c", &line, "sh", &latch, "token", "--force-refresh"]))
            .succeeded();
        assert_eq!(mode(&home.session_file()), 0o600, "umask {umask}");
    }
}

#[cfg(unix)]
#[test]
fn a_folder_or_file_that_others_can_read_is_refused_with_the_remedy() {
    let home = Home::new();
    home.login();
    let asked = home.provider.log().len();
    let (folder, file) = (home.state_folder(), home.session_file());
    let login = ["login", "--no-browser", "--timeout", "0"];
    for (path, open, closed) in [(&folder, 0o755, "700"), (&file, 0o644, "600")] {
        fs::set_permissions(path, Permissions::from_mode(open)).expect("a mode");
        let remedy = format!("chmod {closed} {}", path.display());
        for command in [&["token"][..], &["logout"], &login, &["whoami"]] {
            home.latch(command).failed(8, "store-unusable").saying(&[&remedy]);
        }
        let status = home.latch(&["status"]).failed(8, "store-unusable");
        assert!((status.stderr + &status.stdout).contains(&remedy));
        assert_eq!(mode(path), open);
        let mode = u32::from_str_radix(closed, 8).expect("a mode");
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("a mode");
    }
    assert_eq!(home.provider.log().len(), asked);
    home.token(&[]);
}

#[test]
fn a_store_that_cannot_keep_a_session_is_found_out_before_the_user_is_asked() {
    let home = Home::new();
    fs::write(home.state_folder(), "not a folder").expect("a file");
    run(&mut home.login_command(&[])).failed(8, "store-unusable").saying(&["not a folder"]);
    assert!(home.provider.log().is_empty());
}

#[cfg(unix)]
#[test]
fn a_session_behind_a_symbolic_link_is_not_followed() {
    let home = Home::new();
    home.login();
    let (file, moved) = (home.session_file(), home.path("moved"));
    fs::rename(&file, &moved).expect("a move");
    symlink(&moved, &file).expect("a link");
    home.latch(&["token"]).failed(8, "store-unusable").saying(&["symbolic link"]);
}

#[test]
fn nothing_is_kept_in_memory_but_for_one_run() {
    let home = Home::new();
    home.login_with(&["--store", "memory"]);
    assert!(!home.state_folder().exists());
    home.latch(&["token", "--store", "memory"]).failed(3, "login-required");
}

#[cfg(unix)]
#[test]
fn a_session_that_cannot_be_kept_is_no_good_page() {
    let home = Home::new();
    let pending = home.start_login(&[]);
    fs::set_permissions(home.state_folder(), Permissions::from_mode(0o755)).expect("a mode");
    let page = pending.visit();
    assert_eq!(page.status, 500);
    assert!(page.body.contains("Login failed"), "{}", page.body);
    pending.finish().failed(8, "store-unusable");
}
