//! A command with an access token in its environment.
#![cfg(unix)]

use latchstring::secret_variables;
use latchstring_testing::session::Session;
use latchstring_testing::{Home, run};

#[test]
fn a_command_finds_the_token_in_its_environment() {
    let home = Home::new();
    home.login();
    let token = home.token(&[]);
    let printed = home.latch(&["exec", "--", "printenv", "LATCH_ACCESS_TOKEN"]).succeeded().stdout;
    assert_eq!(printed.trim_end(), token);
    let words = ["exec", "--variable", "API_TOKEN", "--", "printenv", "API_TOKEN"];
    assert_eq!(home.latch(&words).succeeded().stdout.trim_end(), token);
    let words = ["exec", "--variable", "API_TOKEN", "--", "printenv", "LATCH_ACCESS_TOKEN"];
    assert_eq!(home.latch(&words).code, 1);
}

#[test]
fn the_token_is_fresh_when_the_command_starts() {
    let home = Home::new();
    home.login();
    let stale = home.token(&[]);
    let mut session = Session::read(&home.session_file());
    session.inner["expires_at_ms"] = 1.into();
    session.write();
    let printed = home.latch(&["exec", "--", "printenv", "LATCH_ACCESS_TOKEN"]).succeeded().stdout;
    assert_ne!(printed.trim_end(), stale);
    assert_eq!(printed.trim_end(), home.token(&[]));
}

#[test]
fn the_commands_words_and_exit_code_are_its_own() {
    let home = Home::new();
    home.login();
    let words = ["exec", "--", "sh", "-c", "echo \"$@\"; exit 7", "sh", "--json", "-v", "a b"];
    let run = home.latch(&words);
    assert_eq!((run.code, run.stdout.as_str()), (7, "--json -v a b\n"));
}

#[test]
fn the_command_gets_the_token_and_not_what_a_token_is_made_with() {
    let home = Home::new();
    home.login();
    let mut command = home.command(&["exec", "--", "env"]);
    for variable in secret_variables::ALL {
        command.env(variable, "s3cret");
    }
    let stdout = run(&mut command).succeeded().stdout;
    assert!(stdout.contains("LATCH_ACCESS_TOKEN="), "{stdout}");
    assert!(!stdout.contains("s3cret"), "{stdout}");
}

#[test]
fn without_a_session_nothing_is_run() {
    let home = Home::new();
    home.write_config("[profile.default]\nissuer = \"http://127.0.0.1:1\"\nclient-id = \"x\"\n");
    let ran = home.path("ran");
    let path = ran.display().to_string();
    home.latch(&["exec", "--", "touch", &path]).failed(3, "login-required");
    assert!(!ran.exists());
}

#[test]
fn what_cannot_be_run_is_named() {
    let home = Home::new();
    home.login();
    home.latch(&["exec", "--", "no-such-command"]).failed(127, "host-fault").saying(&["no-such"]);
    let file = home.file("no-program", "");
    let run = home.latch(&["--json", "exec", "--", &file]).failed(126, "host-fault");
    assert_eq!(run.json_error()["exit"], 126);
    home.latch(&["exec", "--variable", "A=B", "--", "true"]).failed(2, "invalid-configuration");
    assert_eq!(home.latch(&["exec"]).code, 2);
}
