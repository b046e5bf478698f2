//! Every command of the program in one session, from the login to the logout, and a table of
//! what came of each: `cargo test --test it commands:: -- --nocapture`.

use std::fmt::Write as _;

use latchstring::words;
use latchstring_testing::{Home, built, run};

#[test]
#[allow(clippy::print_stdout, reason = "the table is for the user who runs the test")]
fn every_command_does_its_work_in_one_session() {
    let home = Home::new();
    let userinfo = format!("{}/userinfo", home.provider.issuer());
    let browser = words::quote(built("visitor").to_str().expect("a path")).expect("a word");
    let mut login = home.login_arguments();
    login.retain(|word| word != "--no-browser");
    login.extend(["--flow", "browser", "--browser", &browser].map(str::to_owned));
    let login: Vec<&str> = login.iter().map(String::as_str).collect();
    let rows: [(&[&str], i32, &str); 27] = [
        (&["--version"], 0, "latch "),
        (&["component"], 0, "imports"),
        (&["doctor"], 0, "version"),
        (&["token"], 3, ""),
        (&login, 0, ""),
        (&["status"], 0, "Ada Lovelace"),
        (&["status", "--json"], 0, "{"),
        (&["token"], 0, ""),
        (&["token", "--json"], 0, "access_token"),
        (&["token", "--output", "header"], 0, "Authorization: Bearer "),
        (&["token", "--force-refresh"], 0, ""),
        (&["whoami"], 0, "Ada Lovelace"),
        (&["request", "GET", &userinfo], 0, "Ada Lovelace"),
        (&["exec", "--", "true"], 0, ""),
        (&["exec", "--", "false"], 1, ""),
        (&["exec", "--", "no-such-program"], 127, ""),
        (&["profile", "list"], 0, "default"),
        (&["profile", "show"], 0, "demo"),
        (&["profile", "add", "work", "--client-id", "x"], 0, ""),
        (&["profile", "remove", "work"], 0, ""),
        (&["provider", "list"], 0, "github"),
        (&["provider", "show", "github"], 0, "github.com"),
        (&["credential", "list"], 0, ""),
        (&["move", "file"], 0, ""),
        (&["token", "--force-refresh", "--json"], 0, "renewed"),
        (&["logout"], 0, ""),
        (&["whoami"], 3, ""),
    ];
    let mut table = String::new();
    let mut wrong = String::new();
    for (words, code, shown) in rows {
        let ran = run(&mut home.command(words));
        let is_right = ran.code == code && ran.stdout.contains(shown);
        let name = words.iter().take(2).copied().collect::<Vec<_>>().join(" ");
        let result = if is_right { "as expected" } else { "WRONG" };
        writeln!(table, "  {name:<28} {:>4}  {result}", ran.code).expect("a text");
        if !is_right {
            writeln!(wrong, "{name}: {} {} {}", ran.code, ran.stdout, ran.stderr).expect("a text");
        }
    }
    println!("{table}");
    assert!(wrong.is_empty(), "{wrong}");
}
