//! Profiles that are edited, copied and renamed.

use std::fs;
use std::path::PathBuf;

use latchstring_testing::{Home, Run};

use crate::dpop;

const STORE: [&str; 2] = ["--store", "file"];

/// A user who is logged in under the profile `work`, in a file.
fn logged_in() -> Home {
    let home = Home::new();
    home.login_with(&[&["--profile", "work"], &STORE[..]].concat()).succeeded();
    home
}

fn token(home: &Home, profile: &str) -> Run {
    home.latch(&["token", "--profile", profile])
}

fn sessions(home: &Home, profile: &str) -> Vec<PathBuf> {
    let is_of = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with(&format!("{profile}.")))
    };
    home.session_files().into_iter().filter(is_of).collect()
}

#[test]
fn a_renamed_profile_keeps_its_session_and_its_comments() {
    let home = logged_in();
    let settings = home.config().replace("[profile.work]\n", "[profile.work]\n# of the office\n");
    home.write_config(&format!(
        "{settings}\n[profile.job]\ngrant = \"token-exchange\"\nsubject-profile = \"work\"\n"
    ));
    let before = token(&home, "work").succeeded().stdout;
    home.latch(&["profile", "rename", "work", "office"]).succeeded().saying(&["office"]);
    assert_eq!(token(&home, "office").succeeded().stdout, before);
    home.latch(&["token", "--profile", "office", "--force-refresh"]).succeeded();
    let config = home.config();
    assert!(config.contains("[profile.office]\n# of the office\n"), "{config}");
    assert!(!config.contains("[profile.work]"), "{config}");
    assert!(config.contains("subject-profile = \"office\""), "{config}");
    assert_eq!((sessions(&home, "work").len(), sessions(&home, "office").len()), (0, 1));
    token(&home, "work").failed(3, "login-required");
}

/// What `latch profile rename work office` has left behind, stopped at each of its steps.
#[test]
fn a_rename_that_was_interrupted_is_completed_by_the_same_command() {
    for step in 0..4 {
        let home = logged_in();
        let before = token(&home, "work").succeeded().stdout;
        let [session] = &sessions(&home, "work")[..] else { panic!("one session") };
        let name = session.file_name().and_then(|name| name.to_str()).expect("a name");
        let renamed = session.with_file_name(name.replacen("work.", "office.", 1));
        fs::write(home.state_folder().join("work.renamed"), "office").expect("a note");
        if step > 0 {
            home.write_config(&home.config().replace("[profile.work]", "[profile.office]"));
        }
        if step > 1 {
            fs::copy(session, &renamed).expect("a session");
        }
        if step > 2 {
            fs::remove_file(session).expect("a session");
        }
        home.latch(&["profile", "rename", "work", "office"]).succeeded();
        assert_eq!(token(&home, "office").succeeded().stdout, before, "step {step}");
        home.latch(&["token", "--profile", "office", "--force-refresh"]).succeeded();
        assert!(sessions(&home, "work").is_empty() && !home.config().contains("[profile.work]"));
        // The note is gone, so the name is free again.
        home.latch(&["profile", "rename", "work", "office"]).failed(2, "invalid-configuration");
    }
}

#[test]
fn a_session_that_is_bound_to_a_key_is_renamed_with_it() {
    let server = dpop::server(false);
    let home = dpop::logged_in(&server);
    home.latch(&["profile", "rename", "default", "office"]).succeeded();
    home.latch(&["token", "--profile", "office", "--force-refresh", "--output", "json"])
        .succeeded();
    let names = fs::read_dir(home.state_folder()).expect("a folder").filter_map(Result::ok);
    let names: Vec<_> = names.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    let keys: Vec<_> = names.iter().filter(|name| name.ends_with(".dpop-key")).collect();
    assert!(keys.len() == 1 && keys[0].starts_with("office."), "{names:?}");
}

#[test]
fn a_name_that_is_taken_is_refused_and_nothing_is_lost() {
    let home = logged_in();
    home.login_with(&[&["--profile", "other"], &STORE[..]].concat()).succeeded();
    let before = (home.config(), home.session_files());
    for command in [
        ["profile", "rename", "work", "other"],
        ["profile", "copy", "work", "other"],
        ["profile", "rename", "work", "work"],
        ["profile", "rename", "nobody", "new"],
        ["profile", "copy", "nobody", "new"],
        ["profile", "rename", "work", "a/b"],
    ] {
        home.latch(&command).failed(2, "invalid-configuration");
        assert_eq!((home.config(), home.session_files()), before, "{command:?}");
    }
}

#[test]
fn a_copy_has_the_settings_and_is_not_logged_in() {
    let home = logged_in();
    home.latch(&["profile", "copy", "work", "second"]).succeeded();
    token(&home, "second").failed(3, "login-required");
    token(&home, "work").succeeded();
    home.login_with(&["--profile", "second"]).succeeded();
    assert_ne!(token(&home, "second").stdout, token(&home, "work").stdout);
}

/// Runs `latch profile edit` with an editor that runs this line of a shell, with the file in
/// `$1`.
#[cfg(unix)]
fn edited(home: &Home, line: &str) -> Run {
    let mut command = home.command(&["profile", "edit"]);
    command.env("EDITOR", format!("sh -c '{line}' editor"));
    command.env("LATCH_CLIENT_SECRET", "s3cret");
    latchstring_testing::run(&mut command)
}

#[cfg(unix)]
#[test]
fn settings_are_edited_and_saved_only_if_they_can_work() {
    let home = logged_in();
    edited(&home, "echo \"# mine: [$LATCH_CLIENT_SECRET]\" >> \"$1\"").succeeded();
    assert!(home.config().contains("# mine: []\n"), "{}", home.config());
    token(&home, "work").succeeded();
    let before = home.config();
    for (line, words) in [
        ("echo \"[profil.x]\" >> \"$1\"", "profil"),
        ("echo \"nonsense = 1\" >> \"$1\"", "nonsense"),
        ("echo \"[profile.a]\" >> \"$1\"; exit 3", "nothing was saved"),
    ] {
        let run = edited(&home, line).failed(2, "invalid-configuration").saying(&[words]);
        assert_eq!(home.config(), before);
        // What was written is not lost.
        let kept =
            run.stderr.lines().find_map(|line| line.strip_prefix("What you have written is in "));
        assert!(fs::read_to_string(kept.expect("a file")).expect("a text").len() > before.len());
    }
    edited(&home, "true").succeeded().saying(&["Nothing was changed"]);
}

#[cfg(unix)]
#[test]
fn on_a_terminal_settings_can_be_corrected() {
    use latchstring_testing::tty::Tty;

    let home = logged_in();
    let mut command = home.command(&["profile", "edit"]);
    // The first time, a mistake is made, and the second time it is taken back.
    let line = "if grep -q mistake \"$1\"; then sed -i.old s/mistake.*//g \"$1\"; echo \"# right\" >> \"$1\"; \
                else echo mistake >> \"$1\"; fi";
    command.env("EDITOR", format!("sh -c '{line}' editor"));
    let mut tty = Tty::start(command);
    tty.until("Edit again?");
    tty.types("");
    let run = tty.finish();
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(home.config().contains("# right"), "{}", home.config());
}
