//! Which setting counts, and what is remembered.

use std::fs;

use latchstring_provider::{ClientAuthentication, Options, Provider};
use latchstring_testing::http::Trap;
use latchstring_testing::{Home, Pending, Run, run};
use serde_json::json;

fn other_provider() -> Provider {
    Provider::start(Options::default()).expect("a provider")
}

/// The issuer whose metadata a login asks for first, by where it fails.
#[track_caller]
fn asked_first(home: &Home, arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let mut words = vec!["login", "--no-browser", "--timeout", "0"];
    words.extend(arguments);
    let mut command = home.command(&words);
    let run = run(command.envs(environment.iter().copied())).failed(5, "timed-out");
    let url = run.stderr.lines().find_map(|line| line.strip_prefix("  http://"));
    url.and_then(|url| url.split('/').next()).unwrap_or_default().to_owned()
}

fn host(issuer: &str) -> &str {
    issuer.trim_start_matches("http://")
}

#[test]
fn flags_count_over_the_environment_over_the_profile_over_dotenv() {
    let home = Home::new();
    let [two, three, four] = [(), (), ()].map(|()| other_provider());
    let (one, two, three, four) =
        (home.provider.issuer(), two.issuer(), three.issuer(), four.issuer());
    home.write_dotenv(&format!("LATCH_ISSUER={four}\nLATCH_CLIENT_ID=demo\n"));
    assert_eq!(asked_first(&home, &[], &[]), host(four));
    home.write_config(&format!("[profile.default]\nissuer = \"{three}\"\nclient-id = \"demo\"\n"));
    assert_eq!(asked_first(&home, &[], &[]), host(three));
    let environment = [("LATCH_ISSUER", two), ("LATCH_CLIENT_ID", "demo")];
    assert_eq!(asked_first(&home, &[], &environment), host(two));
    let flags = ["--issuer", one, "--client-id", "demo"];
    assert_eq!(asked_first(&home, &flags, &environment), host(one));
}

#[test]
fn dotenv_fills_gaps_of_the_same_provider_and_none_of_another() {
    let home = Home::new();
    let issuer = home.provider.issuer();
    let client = |home: &Home| {
        let mut login = home.command(&["login", "--no-browser", "--timeout", "0"]);
        let run = run(&mut login);
        let url = run.stderr.lines().find(|line| line.starts_with("  http://")).map(str::to_owned);
        url.and_then(|url| url.split("client_id=").nth(1)?.split('&').next().map(str::to_owned))
    };
    home.write_config(&format!("[profile.default]\nissuer = \"{issuer}\"\n"));
    for (dotenv, expected) in [
        ("LATCH_CLIENT_ID=folders\n".to_owned(), Some("folders")),
        (format!("LATCH_ISSUER={issuer}\nLATCH_CLIENT_ID=folders\n"), Some("folders")),
        ("LATCH_ISSUER=https://other.example\nLATCH_CLIENT_ID=folders\n".to_owned(), None),
        ("LATCH_PROVIDER=github\nLATCH_CLIENT_ID=folders\n".to_owned(), None),
    ] {
        home.write_dotenv(&dotenv);
        assert_eq!(client(&home).as_deref(), expected, "{dotenv}");
    }
    home.write_config(&format!("[profile.default]\nissuer = \"{issuer}\"\nclient-id = \"mine\"\n"));
    home.write_dotenv(&format!("LATCH_ISSUER={issuer}\nLATCH_CLIENT_ID=folders\n"));
    assert_eq!(client(&home).as_deref(), Some("mine"));
}

#[test]
fn a_session_is_found_whatever_folder_the_command_runs_in() {
    let home = Home::new();
    home.login();
    let token = home.token(&[]);
    let other = other_provider();
    for dotenv in [
        format!("LATCH_ISSUER={}\nLATCH_CLIENT_ID=webshop\nLATCH_SCOPE=admin\n", other.issuer()),
        "LATCH_CLIENT_ID=webshop\nLATCH_SCOPE=admin\nCLIENT_ID=webshop\n".to_owned(),
        "LATCH_PROVIDER=github\nCLIENT_ID=webshop\n".to_owned(),
        "LATCH_ISSUER=nonsense\n".to_owned(),
        "LATCH_ISSUER=\"open\n".to_owned(),
    ] {
        home.write_dotenv(&dotenv);
        assert_eq!(home.token(&[]), token, "{dotenv}");
    }
    assert!(other.log().is_empty());
}

#[test]
fn folders_too_may_be_flags() {
    let home = Home::new();
    let state = home.path("elsewhere");
    let state = state.to_str().expect("a path");
    home.login_with(&["--state-dir", state]);
    assert!(home.session_files().is_empty());
    home.token(&["--state-dir", state]);
    home.latch(&["token"]).failed(3, "login-required");
}

/// A login that fails on its way to the provider must not have told anybody else.
#[test]
fn dotenv_cannot_choose_what_runs_or_where_secrets_and_sessions_go() {
    let home = Home::new();
    let trap = Trap::set();
    let proof = home.path("proof");
    let proof = proof.to_str().expect("a path");
    let secret = home.file("secret", "s3cret");
    home.write_dotenv(&format!(
        "LATCH_ISSUER={}\nLATCH_CLIENT_ID=demo\nLATCH_SCOPE=\"openid offline_access\"\n\
         LATCH_BROWSER=touch {proof}\nLATCH_STATE_DIR={proof}\nLATCH_CONFIG_DIR={proof}\n\
         LATCH_CLIENT_SECRET_FILE={secret}\nLATCH_CLIENT_SECRET=s3cret\n\
         LATCH_TOKEN_ENDPOINT={trap}/token\nLATCH_AUTHORIZATION_ENDPOINT={trap}/authorize\n\
         LATCH_JWKS_URI={trap}/jwks\nLATCH_PAGES={proof}\nLATCH_PROFILE=evil\nLATCH_STORE=memory\nBROWSER=touch {proof}\n\
         HTTP_PROXY={trap}\nHTTPS_PROXY={trap}\nSSL_CERT_FILE={secret}\n",
        home.provider.issuer(),
        trap = trap.origin(),
    ));
    let pending = Pending::start(&mut home.command(&["login", "--no-browser"]));
    assert_eq!(pending.parameter("scope"), "openid offline_access");
    pending.visit();
    pending.finish().succeeded().saying(&[".env", home.provider.issuer()]);
    home.session_file();
    home.token(&["--force-refresh"]);
    for seen in home.asked("/token") {
        assert_eq!((seen.header("authorization"), seen.parameter("client_secret")), (None, None));
    }
    // The user's own browser is one that does nothing.
    let mut login = home.command(&["login", "--flow", "browser", "--timeout", "0"]);
    run(login.env("BROWSER", "true")).failed(5, "timed-out");
    assert!(trap.is_untouched());
    assert!(!home.path("proof").exists());
    assert!(!home.config_file().exists(), "what a folder says is not remembered");
}

#[test]
fn dotenv_carries_nothing_of_the_environment_away() {
    let home = Home::new();
    home.write_dotenv("LATCH_ISSUER=https://$STOLEN.${STOLEN}.invalid\nLATCH_CLIENT_ID=demo\n");
    let run = run(home.command(&["login", "--no-browser"]).env("STOLEN", "s3cret"));
    assert_ne!(run.code, 0);
    assert!(!run.stderr.contains("s3cret"), "{}", run.stderr);
}

#[test]
fn a_profiles_secret_goes_to_no_provider_that_only_a_folder_names() {
    let home = Home::new();
    let evil = other_provider();
    let secret = home.file("secret", "s3cret");
    home.write_config(&format!(
        "[profile.default]\nclient-id = \"demo\"\nclient-secret-file = '{secret}'\n"
    ));
    home.write_dotenv(&format!("LATCH_ISSUER={}\n", evil.issuer()));
    home.latch(&["login", "--no-browser"])
        .failed(2, "invalid-configuration")
        .saying(&[".env", "--issuer"]);
    assert!(evil.log().is_empty());
}

#[test]
fn a_provider_with_endpoints_by_hand_is_not_mixed_with_another() {
    let home = Home::new();
    let evil = other_provider();
    home.write_config(&format!(
        "[profile.default]\nclient-id = \"demo\"\nauthorization-endpoint = \"{0}/authorize\"\n\
         token-endpoint = \"{0}/token\"\n",
        home.provider.issuer()
    ));
    home.write_dotenv(&format!("LATCH_ISSUER={}\nLATCH_CLIENT_ID=demo\n", evil.issuer()));
    let pending = Pending::start(&mut home.command(&["login", "--no-browser"]));
    assert!(pending.url.as_str().starts_with(home.provider.issuer()));
    pending.visit();
    pending.finish().succeeded();
    assert!(evil.log().is_empty());
}

#[test]
fn a_dotenv_of_another_program_fails_no_command() {
    let home = Home::new();
    home.login();
    let token = home.token(&[]);
    for text in [
        &b"hunter2 is no assignment\n"[..],
        b"export FOO\n",
        b"set -a\n",
        b"key: value\n",
        b"MY VAR=1\n",
        b"FOO=\"open\n",
        b"FOO=\xff\n",
        b"\xff\n",
    ] {
        fs::write(home.work_folder().join(".env"), text).expect("a .env");
        assert_eq!(home.token(&[]), token, "{text:?}");
        for command in ["whoami", "status"] {
            home.latch(&[command]).succeeded();
        }
    }
    home.latch(&["logout"]).succeeded();
    // Nor does a file that cannot be read, or that says nothing of a login.
    home.latch(&["token", "--profile", "other"]).failed(3, "login-required");
}

#[test]
fn a_value_of_dotenv_that_matters_is_named_by_its_line_and_not_quoted() {
    let home = Home::new();
    for (text, words) in [
        ("A=b\nLATCH_ISSUER=\"hunter2\n", &["LATCH_ISSUER in line 2", "an unclosed quote"][..]),
        ("A=b\nLATCH_ISSUER=hunter2\n", &["LATCH_ISSUER in line 2", "URL"]),
        ("LATCH_PROVIDER=nosuch\n", &["LATCH_PROVIDER in line 1"]),
        (
            "LATCH_PROVIDER=authgate\nCLIENT_ID='hunter2\n",
            &["CLIENT_ID in line 2", "an unclosed quote"],
        ),
    ] {
        home.write_dotenv(text);
        for command in ["login", "token", "whoami", "logout"] {
            let run = home.latch(&[command]).failed(2, "invalid-configuration").saying(words);
            assert!(
                run.stderr.contains(".env") && !run.stderr.contains("hunter2"),
                "{}",
                run.stderr
            );
        }
    }
}

#[test]
fn a_dotenv_of_a_parent_folder_does_not_count() {
    let home = Home::new();
    let below = home.work_folder().join("below");
    fs::create_dir(&below).expect("a folder");
    home.write_dotenv("LATCH_ISSUER='open");
    run(home.command(&["token"]).current_dir(below)).failed(3, "login-required");
}

#[test]
fn what_is_wrong_in_the_configuration_file_is_named() {
    let home = Home::new();
    for (text, words) in [
        ("[profile.default]\nissuer = \"a\"\nclient-secret = \"hunter2\"\n", "client-secret"),
        ("[profiles.default]\nissuer = \"a\"\n", "profiles"),
        ("issuer = \"a\"\n", "issuer"),
        ("[profile]\ndefault = 7\n", "profile.default"),
        ("profile = 7\n", "profile"),
        ("[profile.default]\nissuer = 7\n", "default"),
        ("[profile.default]\nclient-auth = \"magic\"\n", "magic"),
        ("[profile.default]\n\nissuer = \"a\n", "line 3"),
    ] {
        home.write_config(text);
        for command in [&["token"][..], &["status"], &["profile", "list"]] {
            let run = home.latch(command);
            // A list of names needs no setting but the names.
            if command == ["profile", "list"] && run.code == 0 {
                continue;
            }
            let run = run.failed(2, "invalid-configuration");
            let run = run.saying(&[words, &home.config_file().display().to_string()]);
            assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
        }
        assert_eq!(home.config(), text);
    }
}

#[test]
fn a_mistake_in_another_profile_keeps_nobody_from_their_token() {
    let home = Home::new();
    home.login();
    let good = home.config();
    home.write_config(&format!("{good}\n[profile.other]\nissuer = 7\n[profile.more]\nissuer\n"));
    home.latch(&["token"]).succeeded();
    home.latch(&["--profile", "other", "token"]).failed(2, "invalid-configuration");
    // It would change the file, and cannot.
    home.latch(&["login"]).failed(2, "invalid-configuration").saying(&["correct the file"]);
}

#[test]
fn comments_and_other_profiles_survive_a_login() {
    let home = Home::new();
    let text = "# mine\n[profile.default] # the first\nclient-id = \"demo\" # as registered\n\n\
                # and another\n[profile.work]\nissuer = \"https://id.example\" # at work\n";
    home.write_config(text);
    home.login();
    let config = home.config();
    for line in text.lines() {
        assert!(config.contains(line), "{line} in {config}");
    }
    assert!(config.contains(home.provider.issuer()), "{config}");
    assert!(config.contains("scopes = [\"openid\""), "{config}");
}

#[cfg(unix)]
#[test]
fn a_configuration_file_that_lies_elsewhere_stays_there() {
    let home = Home::new();
    let target = home.file("dotfiles.toml", "# mine\n");
    fs::create_dir_all(home.config_folder()).expect("a folder");
    std::os::unix::fs::symlink(&target, home.config_file()).expect("a link");
    home.login();
    assert!(fs::symlink_metadata(home.config_file()).expect("metadata").is_symlink());
    let text = fs::read_to_string(&target).expect("the file");
    assert!(text.contains("# mine") && text.contains(home.provider.issuer()), "{text}");
}

#[cfg(unix)]
const ACME: &str =
    "about = \"Acme\"\n[client]\nissuer = \"https://id.acme.example\"\nclient-id = \"cli\"\n";

/// The settings name programs to run, so others must not be able to write them.
#[cfg(unix)]
#[test]
fn settings_that_another_user_could_have_written_are_refused() {
    use std::os::unix::fs::{PermissionsExt as _, chown};

    let home = Home::new();
    home.write_config("[profile.default]\nclient-id = \"demo\"\n");
    let providers = home.config_folder().join("providers");
    fs::create_dir(&providers).expect("a folder");
    fs::write(providers.join("acme.toml"), ACME).expect("a preset");
    let set_mode = |path: &std::path::Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
    };
    for (path, words, safe, open) in [
        (home.config_file(), &["token"][..], 0o644, 0o646),
        (home.config_folder(), &["status"], 0o755, 0o777),
        (providers.join("acme.toml"), &["token", "--provider", "acme"], 0o600, 0o602),
        (providers.clone(), &["token", "--provider", "acme"], 0o700, 0o703),
    ] {
        set_mode(&path, open);
        let place = path.display().to_string();
        let run = home.latch(words).failed(2, "invalid-configuration");
        run.saying(&["other users can write to", &place, "chmod go-w"]);
        set_mode(&path, safe);
        home.latch(words).failed(3, "login-required");
    }
    // Only root can give a file away.
    if rustix::process::geteuid().is_root() {
        chown(home.config_file(), Some(65534), None).expect("another owner");
        home.latch(&["token"])
            .failed(2, "invalid-configuration")
            .saying(&["belong to user 65534", &home.config_file().display().to_string()]);
    }
}

#[test]
fn other_scopes_another_client_or_another_resource_never_get_the_old_token() {
    let home = Home::new();
    home.login();
    let other = other_provider();
    for words in [
        &["--scope", "openid"][..],
        &["--client-id", "another"],
        &["--issuer", other.issuer()],
        &["--issuer", other.issuer(), "--client-id", "demo"],
        &["--resource", "https://api.example/"],
    ] {
        let run = home.latch(&[&["token"], words].concat()).failed(3, "login-required");
        assert_eq!(run.stdout, "", "{words:?}");
    }
    home.token(&["--scope", "offline_access email profile openid"]);
}

#[test]
fn another_client_of_a_known_provider_needs_only_its_id() {
    let home = Home::new();
    home.login();
    let login = ["login", "--no-browser", "--client-id", "another", "--timeout", "0"];
    let run: Run = home.latch(&login);
    assert!(run.stderr.contains("client_id=another"), "{}", run.stderr);
    assert!(run.stderr.contains(home.provider.issuer()), "{}", run.stderr);
}

#[test]
fn a_profiles_secret_is_used_for_no_other_issuer_or_client() {
    let authentication = ClientAuthentication::ClientSecretPost("s3cret".into());
    let home = Home::with(Options { authentication, ..Options::default() });
    let other = other_provider();
    let secret = home.file("secret", "s3cret");
    home.login_with(&["--client-secret-file", &secret]);
    let words = ["login", "--no-browser", "--issuer", other.issuer(), "--client-id", "demo"];
    let pending = Pending::start(&mut home.command(&words));
    pending.visit();
    pending.finish().succeeded();
    assert!(other.log().iter().all(|seen| seen.parameter("client_secret").is_none()));
    let kept = home.latch(&["profile", "show", "--json"]).succeeded().json();
    assert_eq!(kept["issuer"], other.issuer());
    assert_eq!(kept["client-secret-file"], json!(null));

    home.latch(&["profile", "add", "work", "--issuer", "https://a.example", "--client-id", "a"])
        .succeeded();
    home.latch(&["profile", "add", "work", "--client-secret-file", &secret]).succeeded();
    home.latch(&["profile", "add", "work", "--issuer", "https://b.example"]).succeeded();
    let kept = home.latch(&["profile", "show", "work"]).succeeded().stdout;
    assert!(kept.contains("b.example") && !kept.contains("secret"), "{kept}");
}

#[test]
fn profiles_are_added_changed_listed_shown_and_removed() {
    let home = Home::new();
    let add = ["profile", "add", "work", "--issuer", "https://id.example", "--client-id", "cli"];
    home.latch(&[&add[..], &["--scope", "openid email", "--port", "8000,8001"]].concat())
        .succeeded();
    home.latch(&["profile", "add", "home", "--issuer", home.provider.issuer(), "--no-browser"])
        .succeeded();
    assert_eq!(home.latch(&["profile", "list"]).succeeded().stdout, "work\nhome\n");
    let names = home.latch(&["profile", "list", "--json"]).succeeded().json();
    assert_eq!(names, json!(["work", "home"]));
    home.latch(&["profile", "add", "work", "--redirect-path", "/done"]).succeeded();
    let work = home.latch(&["profile", "show", "work", "--json"]).succeeded().json();
    assert_eq!(work["issuer"], "https://id.example");
    assert_eq!(work["ports"], json!([8000, 8001]));
    assert_eq!(work["scopes"], json!(["openid", "email"]));
    assert_eq!(work["redirect-path"], "/done");
    let text = home.latch(&["profile", "show", "home"]).succeeded().stdout;
    assert!(text.contains("no-browser = true"), "{text}");
    home.latch(&["profile", "remove", "work"]).succeeded();
    assert_eq!(home.latch(&["profile", "list"]).succeeded().stdout, "home\n");
    for command in [&["profile", "show", "work"], &["profile", "remove", "work"]] {
        home.latch(command).failed(2, "invalid-configuration").saying(&["no profile work"]);
    }
    for name in ["", "a/b", "../up", "a b"] {
        home.latch(&["profile", "add", name]).failed(2, "invalid-configuration");
    }
}

#[test]
fn a_profile_with_a_session_is_not_removed() {
    let home = Home::new();
    home.login_with(&["--profile", "work"]);
    home.latch(&["profile", "remove", "work"])
        .failed(2, "invalid-configuration")
        .saying(&["latch logout --profile work"]);
    home.latch(&["logout", "--profile", "work"]).succeeded();
    home.latch(&["profile", "remove", "work"]).succeeded();
}

#[test]
fn settings_of_a_profile_are_used() {
    let home = Home::with(Options {
        redirect_uris: vec!["http://127.0.0.1/done".into()],
        ..Options::default()
    });
    home.latch(&[
        "profile",
        "add",
        "default",
        "--issuer",
        home.provider.issuer(),
        "--client-id",
        "demo",
        "--scope",
        "openid",
        "--redirect-path",
        "/done",
        "--param",
        "login_hint=Ada",
        "--no-browser",
    ])
    .succeeded();
    let pending = Pending::start(&mut home.command(&["login"]));
    assert_eq!(pending.parameter("login_hint"), "Ada");
    assert_eq!(pending.redirect_uri().path(), "/done");
    pending.visit();
    pending.finish().succeeded();
}

#[test]
fn one_more_api_origin_keeps_the_others() {
    let home = Home::new();
    let add = |origin: &str| {
        home.latch(&["profile", "add", "work", "--api-origin", origin]).succeeded();
    };
    add("https://git.example.com");
    add("https://*.registry.example.com");
    add("https://git.example.com");
    let profile = home.latch(&["profile", "show", "work", "--json"]).succeeded().json();
    let expected = ["https://git.example.com", "https://*.registry.example.com"];
    assert_eq!(profile["api-origins"], serde_json::json!(expected));
}
