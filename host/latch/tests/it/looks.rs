//! What a user sees on a terminal, and what a script gets in its place.
#![cfg(unix)]

use latchstring_testing::tty::Tty;
use latchstring_testing::{Home, Pending, run};

const ESCAPE: char = '\u{1b}';

/// Runs `latch` on a terminal that shows colours, and returns what is on it.
fn on_terminal(home: &Home, columns: u16, words: &[&str], variables: &[(&str, &str)]) -> String {
    let mut command = home.command(words);
    command.env("TERM", "xterm-256color").envs(variables.iter().copied());
    Tty::wide(command, columns).finish().stderr
}

#[test]
fn colours_are_for_terminals_and_for_those_who_want_them() {
    let home = Home::new();
    home.login();
    let coloured = "\u{1b}[1mdefault\u{1b}[0m\n";
    for (words, variables, is_coloured) in [
        (&["status"][..], &[][..], true),
        (&["status"], &[("NO_COLOR", "1")], false),
        (&["status"], &[("TERM", "dumb")], false),
        (&["status", "--plain"], &[], false),
        (&["status", "--json"], &[], false),
    ] {
        let shown = on_terminal(&home, 120, words, variables);
        assert_eq!(shown.contains(coloured), is_coloured, "{words:?} {variables:?}: {shown}");
        assert_eq!(shown.contains(ESCAPE), is_coloured, "{words:?} {variables:?}: {shown}");
    }
    let piped = |variables: &[(&str, &str)]| {
        let mut command = home.command(&["status"]);
        run(command.envs(variables.iter().copied())).succeeded().stdout
    };
    assert!(!piped(&[]).contains(ESCAPE));
    assert!(piped(&[("CLICOLOR_FORCE", "1")]).contains(coloured));
}

#[test]
fn an_error_is_red_on_a_terminal_and_plain_in_a_file() {
    let home = Home::new();
    let shown = on_terminal(&home, 120, &["token"], &[]);
    assert!(shown.contains("\u{1b}[31mlatch:\u{1b}[0m "), "{shown}");
    let run = home.latch(&["token"]).failed(3, "login-required");
    assert!(run.stderr.starts_with("latch: ") && !run.stderr.contains(ESCAPE), "{}", run.stderr);
}

#[test]
fn tables_fit_the_terminal_and_are_whole_in_a_pipe() {
    let home = Home::new();
    home.login();
    for words in [
        &["status", "--plain"][..],
        &["doctor", "--plain"],
        &["provider", "list", "--plain"],
        &["profile", "list", "--plain"],
    ] {
        let piped = home.latch(words).succeeded().stdout;
        let longest = |text: &str| text.lines().map(|line| line.chars().count()).max();
        for columns in [50, 80] {
            let shown = on_terminal(&home, columns, words, &[]);
            assert!(longest(&shown) <= Some(columns.into()), "{words:?}: {shown}");
        }
        // Nothing else makes the lines short.
        let is_short = words[0] == "profile";
        assert!(is_short || longest(&piped) > Some(80), "{words:?}: {piped}");
    }
}

#[test]
fn a_list_of_profiles_names_the_providers_on_a_terminal_only() {
    let home = Home::new();
    home.login();
    assert_eq!(home.latch(&["profile", "list"]).succeeded().stdout, "default\n");
    let shown = on_terminal(&home, 120, &["profile", "list", "--plain"], &[]);
    assert_eq!(shown, format!("default {}\n", home.provider.issuer()));
}

#[test]
fn the_last_line_of_a_login_says_who_where_and_until_when() {
    let home = Home::new();
    let login = home.login();
    let last = login.stderr.lines().last().expect("a line").to_owned();
    let greeting =
        "Logged in as Ada Lovelace <ada.lovelace@example.com>; the session is in a private file";
    let until = "its token is refreshed when needed";
    assert_eq!(last, format!("{greeting}, and {until}"));

    let home = Home::new();
    let issuer = home.provider.issuer();
    let words = ["login", "--issuer", issuer, "--client-id", "demo", "--no-browser"];
    let pending = Pending::start(home.command(&words).args(["--scope", "openid email profile"]));
    pending.visit();
    let login = pending.finish().succeeded();
    let last = login.stderr.lines().last().expect("a line").to_owned();
    let until = "its token expires in 59 minutes";
    assert_eq!(last, format!("{greeting}, and {until}"));
    login.saying(&["--scope offline_access may change that"]);
}
