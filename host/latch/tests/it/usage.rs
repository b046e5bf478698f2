//! The command line itself: helps, flags and their variables, errors.

use latchstring_provider::Options;
use latchstring_testing::session::Session;
use latchstring_testing::{Home, Pending, Run, run};

const COMMANDS: [&[&str]; 24] = [
    &["login"],
    &["token"],
    &["request"],
    &["whoami"],
    &["introspect"],
    &["import"],
    &["status"],
    &["logout"],
    &["provider", "list"],
    &["provider", "show"],
    &["profile"],
    &["profile", "add"],
    &["mcp"],
    &["mcp", "config"],
    &["profile", "list"],
    &["profile", "show"],
    &["profile", "remove"],
    &["component"],
    &["profile", "edit"],
    &["profile", "copy"],
    &["profile", "rename"],
    &["completions"],
    &["help"],
    &["self", "verify"],
];

#[test]
fn every_command_explains_itself() {
    let home = Home::new();
    let help = home.latch(&["--help"]).succeeded().stdout;
    let summaries = help.clone()
        + &home.latch(&["profile", "--help"]).succeeded().stdout
        + &home.latch(&["provider", "--help"]).succeeded().stdout
        + &home.latch(&["mcp", "--help"]).succeeded().stdout
        + &home.latch(&["self", "--help"]).succeeded().stdout;
    for command in COMMANDS {
        assert!(help.contains(&format!("  {}", command[0])), "{help}");
        let help = home.latch(&[command, &["--help"]].concat()).succeeded().stdout;
        assert!(help.contains("Usage: latch"), "{help}");
        assert!(summaries.contains(help.lines().next().expect("a summary")), "{help}");
        assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
    }
    assert!(help.contains("Exit codes: 0 done"), "{help}");
    assert_eq!(home.latch(&[]).code, 2);
    let version = home.latch(&["--version"]).succeeded().stdout;
    assert_eq!(version, concat!("latch ", env!("CARGO_PKG_VERSION"), "\n"));
}

/// Each flag of a help text, with what is said about it. A flag begins a line that is
/// indented less than the text about it.
fn definitions(help: &str) -> Vec<String> {
    let mut flags: Vec<String> = Vec::new();
    let mut is_within = false;
    for line in help.lines() {
        let text = line.trim_start();
        let begins = text.starts_with('-') && text.contains("--") && line.len() - text.len() <= 6;
        is_within = begins || (is_within && (line.is_empty() || line.starts_with("       ")));
        match flags.last_mut() {
            _ if begins => flags.push(line.to_owned()),
            Some(flag) if is_within => *flag += line,
            _ => {}
        }
    }
    flags
}

#[test]
fn every_flag_has_a_variable_of_its_own_name() {
    let home = Home::new();
    for command in COMMANDS {
        let help = home.latch(&[command, &["--help"]].concat()).succeeded().stdout;
        for flag in definitions(&help) {
            let letter = |c: char| c.is_ascii_lowercase() || c == '-';
            let name = flag.split_once("--").expect("a name").1;
            let name: String = name.chars().take_while(|c| letter(*c)).collect();
            if ["help", "version"].contains(&name.as_str()) {
                continue;
            }
            let mut variable = format!("LATCH_{}", name.replace('-', "_").to_uppercase());
            if (command, name.as_str()) == (&["component"], "output") {
                variable = "LATCH_COMPONENT_OUTPUT".to_owned();
            }
            let words: String = flag.split_whitespace().collect::<Vec<_>>().join(" ");
            // A value that may contain a password is not shown.
            let named = if name == "store" { "]" } else { "=" };
            assert!(
                words.contains(&format!("[env: {variable}{named}")),
                "--{name} in {command:?}: {words}"
            );
        }
    }
}

#[test]
fn variables_that_switch_are_on_unless_they_say_no() {
    let home = Home::new();
    for (value, is_json) in
        [("1", true), ("yes", true), ("true", true), ("0", false), ("", false), ("no", false)]
    {
        let run = run(home.command(&["token"]).env("LATCH_JSON", value));
        let run = run.failed(3, "login-required");
        assert_eq!(run.stderr.starts_with('{'), is_json, "{value}: {}", run.stderr);
    }
}

/// The variables that a command's help names.
fn variables(home: &Home, command: &[&str]) -> Vec<String> {
    let help = home.latch(&[command, &["--help"]].concat()).succeeded().stdout;
    let named = help.split("[env: ").skip(1);
    named.filter_map(|text| text.split(['=', ']']).next()).map(str::to_owned).collect()
}

#[test]
fn an_empty_variable_is_an_unset_one() {
    // Times that are told in days stay the same while this test runs.
    const HALF_A_DAY: u64 = 43_200;
    let home = Home::with(Options { expires_in: Some(22 * HALF_A_DAY), ..Options::default() });
    home.login();
    Session::read(&home.session_file()).later(5 * HALF_A_DAY).write();
    let words = |run: &Run| (run.code, run.stdout.clone(), run.stderr.clone());
    // What the test itself sets stays.
    let is_ours = |name: &String| {
        let ours =
            ["LATCH_STATE_DIR", "LATCH_CONFIG_DIR", "LATCH_TIMEOUT", "LATCH_KEYRING_TIMEOUT"];
        !ours.contains(&name.as_str()) && (cfg!(unix) || name != "LATCH_STORE")
    };
    for command in COMMANDS {
        let words_of = match command {
            ["login"] => &["login", "--timeout", "0", "--client-id", "none"][..],
            ["request"] => &["request", "GET", "https://id.example/"],
            ["profile", "add"] => &["profile", "add", "other"],
            // These change the session or go on for long.
            ["logout"] | ["import"] => continue,
            other => other,
        };
        let expected = home.latch(words_of);
        let mut emptied = home.command(words_of);
        let names = variables(&home, command);
        emptied.envs(names.iter().filter(|name| is_ours(name)).map(|name| (name, "")));
        let found = run(&mut emptied);
        assert_eq!(without_ports(words(&found)), without_ports(words(&expected)), "{command:?}");
    }
    // Each on its own as well: one must not hide another.
    let expected = words(&home.latch(&["token"]));
    for name in variables(&home, &["token"]).into_iter().chain(variables(&home, &["exec"])) {
        if is_ours(&name) {
            let found = run(home.command(&["token"]).env(&name, ""));
            assert_eq!(words(&found), expected, "{name}");
        }
    }
}

/// A login shows addresses with a port and random values.
fn without_ports((code, stdout, stderr): (i32, String, String)) -> (i32, String, String) {
    let lines = stderr.lines().filter(|line| !line.contains("://"));
    (code, stdout, lines.collect::<Vec<_>>().join("\n"))
}

#[test]
fn the_command_lines_answer_about_the_browser_counts_over_the_environments() {
    let home = Home::new();
    let mut login = home.login_command(&["--timeout", "0"]);
    let run_ = run(login.env("LATCH_BROWSER", "/nowhere/browser")).failed(5, "timed-out");
    assert!(!run_.stderr.contains("nowhere"), "{}", run_.stderr);

    let mut arguments = home.login_arguments();
    arguments.retain(|word| word != "--no-browser");
    arguments.extend(["--browser", "/nowhere/browser", "--timeout", "0"].map(str::to_owned));
    let mut login = home.command(&arguments);
    run(login.env("LATCH_NO_BROWSER", "1")).failed(5, "timed-out").saying(&["/nowhere/browser"]);

    let run = run(login.arg("--no-browser"));
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("--browser and --no-browser"), "{}", run.stderr);
}

#[test]
fn every_setting_of_a_login_can_come_from_the_environment() {
    let home = Home::new();
    let mut login = home.command(&["login"]);
    login
        .env("LATCH_ISSUER", home.provider.issuer())
        .env("LATCH_CLIENT_ID", "demo")
        .env("LATCH_SCOPE", "openid  offline_access ")
        .env("LATCH_PARAM", "login_hint=Ada Lovelace\nui_locales=en fr")
        .env("LATCH_NO_BROWSER", "1")
        .env("LATCH_REDIRECT_HOST", "127.0.0.1")
        .env("LATCH_TIMEOUT", "60");
    let pending = Pending::start(&mut login);
    assert_eq!(pending.parameter("scope"), "openid offline_access");
    assert_eq!(pending.parameter("login_hint"), "Ada Lovelace");
    assert_eq!(pending.parameter("ui_locales"), "en fr");
    pending.visit();
    pending.finish().succeeded();
    let mut token = home.command(&["token"]);
    let token = run(token.env("LATCH_OUTPUT", "header").env("LATCH_FORCE_REFRESH", "true"));
    assert!(token.succeeded().stdout.starts_with("Authorization: Bearer "));
}

#[test]
fn an_error_in_json_is_one_object_with_a_stable_code_and_the_exit_code() {
    let home = Home::new();
    for (command, code, exit) in [
        (&["token"][..], "login-required", 3),
        (&["login"], "invalid-configuration", 2),
        (&["profile", "show", "nobody"], "invalid-configuration", 2),
        (&["token", "--profile", "a/b"], "invalid-configuration", 2),
        (&["token", "--nonsense"], "invalid-configuration", 2),
        (&["nonsense"], "invalid-configuration", 2),
        (&["login", "--port", "seventy"], "invalid-configuration", 2),
        (&[], "invalid-configuration", 2),
    ] {
        let run = home.latch(&[command, &["--json"]].concat()).failed(exit, code);
        assert_eq!(run.stdout, "", "{command:?}");
        assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
        let error = run.json_error();
        assert_eq!(error["code"], code, "{error}");
        assert_eq!(error["exit"], exit, "{error}");
        for text in ["message", "remedy"] {
            assert!(error[text].as_str().is_some_and(|text| !text.is_empty()), "{error}");
        }
    }
}

#[test]
fn an_error_in_words_says_what_happened_and_what_to_do() {
    let home = Home::new();
    let run = home.latch(&["token"]).failed(3, "login-required");
    assert_eq!(
        run.stderr,
        "latch: the profile default has no provider yet [login-required]\n  \
         log in with: latch login --provider NAME, or: latch login --issuer URL --client-id ID\n"
    );
    home.latch(&["login", "--issuer", home.provider.issuer()])
        .failed(2, "invalid-configuration")
        .saying(&["no client ID", "--client-id"]);
}

#[test]
fn a_client_id_may_begin_with_a_hyphen() {
    let home = Home::new();
    let words = ["token", "--issuer", home.provider.issuer(), "--client-id"];
    for id in ["-7dh", "-vJ", "-", "--aB7"] {
        home.latch(&[&words[..], &[id]].concat()).failed(3, "login-required");
    }
    // As when a variable of a script is empty.
    let run = home.latch(&["login", "--client-id", "--issuer", home.provider.issuer()]);
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert!(run.stderr.contains("'--issuer' for '--client-id <ID>'"), "{}", run.stderr);
}

#[test]
fn parameters_that_protect_a_login_cannot_be_replaced() {
    let home = Home::new();
    for parameter in ["state=x", "code_challenge=x", "redirect_uri=https://evil.example/"] {
        let run = run(&mut home.login_command(&["--param", parameter]));
        let name = parameter.split('=').next().unwrap_or_default();
        run.failed(2, "invalid-configuration").saying(&[name]);
    }
    let run = run(&mut home.login_command(&["--param", "prompt"]));
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("KEY=VALUE"), "{}", run.stderr);
}
