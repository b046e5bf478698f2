//! A command with an access token in its environment.

#[cfg(unix)]
use latchstring::secret_variables;
use latchstring_testing::Home;
#[cfg(unix)]
use latchstring_testing::run;
#[cfg(unix)]
use latchstring_testing::session::Session;

#[cfg(unix)]
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

#[cfg(unix)]
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

#[cfg(unix)]
#[test]
fn the_commands_words_and_exit_code_are_its_own() {
    let home = Home::new();
    home.login();
    let words = ["exec", "--", "sh", "-c", "echo \"$@\"; exit 7", "sh", "--json", "-v", "a b"];
    let run = home.latch(&words);
    assert_eq!((run.code, run.stdout.as_str()), (7, "--json -v a b\n"));
}

#[cfg(unix)]
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

#[cfg(unix)]
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

#[cfg(windows)]
#[test]
fn a_command_of_windows_finds_the_token_and_ends_with_its_own_exit_code() {
    let home = Home::new();
    home.login();
    let token = home.token(&[]);
    let words = ["exec", "--", "cmd", "/c", "echo %LATCH_ACCESS_TOKEN%& exit 7"];
    let run = home.latch(&words);
    assert_eq!((run.code, run.stdout.trim_end()), (7, token.as_str()));
}

#[cfg(windows)]
#[test]
fn a_script_is_found_without_the_end_of_its_name() {
    let home = Home::new();
    home.login();
    let token = home.token(&[]);
    home.file("tool.cmd", "@echo %1 %LATCH_ACCESS_TOKEN%\r\n");
    let mut command = home.command(&["exec", "--", "tool", "Zoë"]);
    command.env("PATH", home.path("")).env("PATHEXT", ".EXE;.CMD");
    let run = latchstring_testing::run(&mut command).succeeded();
    assert!(run.stdout.contains(&token), "{}", run.stdout);
}

// ---- Token files ------------------------------------------------------------------------

#[cfg(unix)]
#[test]
fn a_program_finds_a_token_file_that_goes_away_with_it() {
    let home = Home::new();
    home.login();
    let id_token = home.token(&["--id-token"]);
    let role = "arn:aws:iam::1:role/a";
    let script = "cat \"$AWS_WEB_IDENTITY_TOKEN_FILE\"; echo; echo \"$AWS_ROLE_ARN\"; \
        echo \"$AWS_WEB_IDENTITY_TOKEN_FILE\"; stat -c %a \"$(dirname \"$AWS_WEB_IDENTITY_TOKEN_FILE\")\"";
    let words = ["exec", "--for", "aws", "--role-arn", role, "--", "sh", "-c", script];
    let run = home.latch(&words).succeeded();
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!((lines[0], lines[1], lines[3]), (&*id_token, role, "700"));
    assert!(!std::path::Path::new(lines[2]).exists(), "it is gone");
    for (program, variable) in
        [("azure", "AZURE_FEDERATED_TOKEN_FILE"), ("databricks", "DATABRICKS_OIDC_TOKEN_FILEPATH")]
    {
        let script = format!("cat \"${variable}\"");
        let run = home.latch(&["exec", "--for", program, "--", "sh", "-c", &script]).succeeded();
        assert_eq!(run.stdout, id_token);
    }
    let script = "cat \"$GOOGLE_APPLICATION_CREDENTIALS\"";
    let words = ["exec", "--for", "google", "--google-audience", "//iam", "--", "sh", "-c", script];
    let document: serde_json::Value =
        serde_json::from_str(&home.latch(&words).succeeded().stdout).expect("JSON");
    assert_eq!(document["audience"], "//iam");
    home.latch(&["exec", "--for", "aws", "--", "true"]).failed(2, "invalid-configuration");
    let run = home.latch(&["exec", "--for", "npm", "--", "true"]);
    run.failed(2, "invalid-configuration").saying(&["names no registry"]);
    let words = ["exec", "--for", "azure", "--", "sh", "-c", "exit 7"];
    assert_eq!(home.latch(&words).code, 7);
    let words = ["exec", "--for", "azure", "--", "sh", "-c", "kill -KILL $$"];
    assert_eq!(home.latch(&words).code, 137);
    assert_eq!(home.latch(&["exec", "--for", "azure", "--", "no-such-command"]).code, 127);
    home.latch(&["logout"]).succeeded();
    home.latch(&["exec", "--for", "azure", "--", "true"]).failed(3, "login-required");
}

#[cfg(unix)]
#[test]
fn a_token_file_stays_fresh_while_the_command_runs() {
    let home = Home::new();
    home.login();
    let mut session = Session::read(&home.session_file());
    let old = session.inner["id_token"].as_str().expect("an ID token").to_owned();
    // It is good for a moment longer than is wanted when the command starts.
    let aged = expiring_in(&old, 122);
    session.inner["id_token"] = aged.clone().into();
    session.write();
    let script = "f=$AZURE_FEDERATED_TOKEN_FILE; first=$(cat \"$f\"); \
        while [ \"$(cat \"$f\")\" = \"$first\" ]; do :; done; echo \"$first\"; cat \"$f\"";
    let run = home.latch(&["exec", "--for", "azure", "--", "sh", "-c", script]).succeeded();
    let (first, second) = run.stdout.split_once('\n').expect("two tokens");
    assert_eq!(first, aged);
    assert_eq!(second, home.token(&["--id-token"]));
}

#[cfg(unix)]
#[test]
fn a_signal_reaches_the_command_and_its_files_go_away() {
    let home = Home::new();
    home.login();
    let script = "trap 'echo \"$AZURE_FEDERATED_TOKEN_FILE\"; exit 5' TERM; kill -TERM $PPID; \
        while :; do :; done";
    let run = home.latch(&["exec", "--for", "azure", "--", "sh", "-c", script]);
    assert_eq!(run.code, 5, "{}", run.stderr);
    assert!(!std::path::Path::new(run.stdout.trim()).exists());
}

/// The same ID token with another expiry. Nobody checks the signature of one that is stored.
#[cfg(unix)]
fn expiring_in(id_token: &str, seconds: u64) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    let mut parts: Vec<String> = id_token.split('.').map(str::to_owned).collect();
    let payload = URL_SAFE_NO_PAD.decode(&parts[1]).expect("base64");
    let mut claims: serde_json::Value = serde_json::from_slice(&payload).expect("JSON");
    let now = std::time::UNIX_EPOCH.elapsed().expect("a clock").as_secs();
    claims["exp"] = (now + seconds).into();
    parts[1] = URL_SAFE_NO_PAD.encode(claims.to_string());
    parts.join(".")
}
