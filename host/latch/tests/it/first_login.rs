//! The first login: what is asked on a terminal, and URLs that are providers.

use latchstring_testing::Home;

/// A login whose visitor is `latch`'s browser.
fn login(home: &Home, words: &[&str]) -> std::process::Command {
    let visitor = latchstring_testing::built("visitor").display().to_string();
    home.command(&[&["login", "--store", "file", "--browser", &visitor][..], words].concat())
}

#[test]
fn a_url_may_be_that_of_a_provider() {
    let home = Home::new();
    let issuer = home.provider.issuer().to_owned();
    let run = latchstring_testing::run(&mut login(&home, &[&issuer]));
    run.failed(2, "invalid-configuration").saying(&["is a provider itself", "--client-id"]);
    let words = [&issuer, "--client-id", "demo"];
    latchstring_testing::run(&mut login(&home, &words)).succeeded();
    assert!(home.config().contains(&format!("issuer = \"{issuer}\"")), "{}", home.config());
    home.latch(&["token"]).succeeded();
}

#[test]
fn a_word_that_is_no_host_is_not_taken_for_one() {
    let home = Home::new();
    let run = latchstring_testing::run(&mut login(&home, &["github"]));
    assert!(run.code == 2 && run.stderr.contains("such as id.example.com"), "{}", run.stderr);
}

#[test]
fn a_script_is_asked_nothing() {
    let home = Home::new();
    home.latch(&["login"]).failed(2, "invalid-configuration").saying(&["--provider", "--issuer"]);
}

#[cfg(unix)]
mod terminal {
    use super::*;
    use latchstring_testing::tty::Tty;

    #[test]
    fn a_login_without_settings_asks_for_them() {
        let home = Home::new();
        let issuer = home.provider.issuer().to_owned();
        let mut tty = Tty::start(login(&home, &[]));
        assert!(tty.until("another provider or API:").contains("github"));
        for (answer, word) in [("nonsense", "no nonsense in the list"), ("99", "no 99 in the list")]
        {
            tty.clear();
            tty.types(answer);
            tty.until(word);
            tty.until("another provider or API:");
        }
        tty.types(&issuer);
        tty.until("The client ID");
        tty.types("demo");
        tty.until("Scopes [openid offline_access]:");
        tty.types("");
        tty.until("http://127.0.0.1/callback");
        tty.until("Press Enter");
        tty.types("");
        let run = tty.finish();
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert!(
            run.stderr.contains("The same without questions: latch login --issuer"),
            "{}",
            run.stderr
        );
        home.latch(&["token"]).succeeded();
    }

    #[test]
    fn a_preset_is_chosen_by_its_number_or_name_and_asks_for_its_settings() {
        let home = Home::new();
        let mut tty = Tty::lead(login(&home, &[]), |_| {});
        tty.until("another provider or API:");
        tty.types("gitlab");
        tty.until("client-id");
        tty.types("demo");
        tty.until("Press Enter");
        // The user changes their mind: nothing is kept.
        tty.presses(3);
        assert_eq!(tty.wait(), Some(130));
        assert!(!home.config_file().exists());
    }

    #[test]
    fn the_end_of_the_input_ends_the_questions() {
        let home = Home::new();
        let mut tty = Tty::start(login(&home, &[]));
        tty.until("another provider or API:");
        tty.presses(4);
        let run = tty.finish();
        assert_eq!(run.code, 2, "{}", run.stderr);
        assert!(!home.config_file().exists());
    }

    #[test]
    fn in_ci_a_terminal_is_nobody_to_ask() {
        let home = Home::new();
        let mut command = login(&home, &[]);
        command.env("CI", "true");
        assert_eq!(Tty::start(command).finish().code, 2);
    }
}
