//! `latch credential install`, and how it is undone.

use std::env::consts::EXE_SUFFIX;
use std::fs;
use std::path::PathBuf;

use latchstring_testing::api::answer;
use latchstring_testing::{Home, Run};

use super::scene::{Scene, Wants, finished, found};

const HOST: &str = "https://git.example.com";

fn home() -> Home {
    let home = Home::new();
    home.login_with(&["--api-origin", HOST]);
    home
}

fn credential(home: &Home, words: &[&str]) -> Run {
    home.latch(&[&["credential"], words].concat())
}

/// The folder of most programs' settings, in the home folder.
const CONFIG: &str = if cfg!(windows) { "AppData/Roaming" } else { ".config" };

/// The launcher, as settings name it.
fn launcher(home: &Home, name: &str) -> String {
    let path = home.path(&format!(".local/bin/{name}{EXE_SUFFIX}")).display().to_string();
    if cfg!(windows) { path.replace('\\', "/") } else { path }
}

/// The file of each program, what is in it before, and what is in it afterwards.
fn files(home: &Home) -> Vec<(Vec<&'static str>, PathBuf, &'static str, Vec<String>)> {
    let launcher = |name| launcher(home, name);
    let (terraform, pip) = match cfg!(windows) {
        true => ("AppData/Roaming/terraform.rc", "AppData/Roaming/pip/pip.ini"),
        false => (".terraformrc", ".config/pip/pip.conf"),
    };
    let go = format!("{CONFIG}/go/env");
    let cargo = vec!["cargo", "--registry", "own"];
    let aws = vec!["aws", "--role-arn", "arn:aws:iam::1:role/a"];
    let row = |words: Vec<&'static str>, path: &str, before, after: &[&str]| {
        // With the separators of the system.
        let path = home.path(path).components().collect();
        (words, path, before, after.iter().map(|line| (*line).to_owned()).collect())
    };
    vec![
        row(
            vec!["git"],
            ".gitconfig",
            "[user]\n\tname = Ada",
            &["[credential \"https://git.example.com\"]", "\thelper =", "credential git\""],
        ),
        row(
            vec!["docker"],
            ".docker/config.json",
            "{\"auths\": {\n      \"a\": {}}}",
            &["\"auths\"", "\"git.example.com\": \"latch\""],
        ),
        row(
            aws,
            ".aws/config",
            "[default]\nregion = a\n",
            &["[profile latch-default]", "credential_process = "],
        ),
        row(
            cargo,
            ".cargo/config.toml",
            "# mine\n[net]\nretry = 3\n",
            &["# mine", "[registries.own]", &launcher("cargo-credential-latch")],
        ),
        row(
            vec!["npm"],
            ".npmrc",
            "a=b\n",
            &[&format!("//git.example.com/:tokenHelper={}", launcher("pnpm-credential-latch"))],
        ),
        row(vec!["terraform"], terraform, "", &["credentials_helper \"latch\" {"]),
        row(
            vec!["bazel"],
            ".bazelrc",
            "build -k\n",
            &[
                "common ",
                "--credential_helper=git.example.com=",
                &launcher("bazel-credential-latch"),
            ],
        ),
        row(
            vec!["vault", "--vault-role", "dev"],
            ".vault",
            "# mine\n",
            &["# mine\n", "token_helper = \"", "/.local/bin/vault-credential-latch"],
        ),
        row(vec!["go"], &go, "GOPROXY=direct\n", &["GOAUTH=", "credential go; netrc"]),
        row(
            vec!["keyring"],
            pip,
            "[global]\ntimeout = 1\n[list]\nformat = columns\n",
            &["[global]\n# latch", "keyring-provider = subprocess\n"],
        ),
    ]
}

#[test]
fn settings_are_written_and_taken_back_byte_for_byte() {
    let home = home();
    for (words, path, before, after) in files(&home) {
        let exists = !before.is_empty();
        if exists {
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(&path, before).expect("a file");
        }
        let install = [&["install"], &words[..]].concat();
        let shown = credential(&home, &[&install[..], &["--dry-run"]].concat()).succeeded();
        assert_eq!(fs::read_to_string(&path).unwrap_or_default(), before, "a dry run");
        let run = credential(&home, &install).succeeded();
        assert_eq!(run.stdout, shown.stdout, "{words:?}");
        let text = fs::read_to_string(&path).expect("a file");
        for line in after {
            assert!(text.contains(&line), "{line} is not in {text}");
        }
        credential(&home, &install).succeeded();
        assert_eq!(fs::read_to_string(&path).expect("a file"), text, "twice is once: {words:?}");
        let listed = credential(&home, &["list"]).succeeded();
        assert!(listed.stdout.contains(&path.display().to_string()), "{}", listed.stdout);
        credential(&home, &["uninstall", words[0]]).succeeded();
        assert_eq!(path.exists(), exists, "{words:?}");
        assert_eq!(fs::read_to_string(&path).unwrap_or_default(), before);
    }
    assert_eq!(credential(&home, &["list"]).succeeded().stdout, "");
    let launchers = fs::read_dir(home.path(".local/bin")).expect("a folder").count();
    assert_eq!(launchers, 0, "launchers are gone");
}

#[test]
fn the_last_line_says_how_to_undo_it_and_a_dry_run_that_nothing_was_written() {
    let home = home();
    let undo = "latch credential uninstall git --profile default";
    for (words, line) in [
        (
            &["install", "git", "--dry-run"][..],
            "Nothing was written: this was a dry run".to_owned(),
        ),
        (&["install", "git"], format!("The helper of git is installed; to undo it, run: {undo}")),
        (&["uninstall", "git", "--dry-run"], "Nothing was written: this was a dry run".to_owned()),
        (&["uninstall", "git"], "The helper of git is removed".to_owned()),
    ] {
        let run = credential(&home, words).succeeded();
        assert_eq!(run.stderr.lines().last(), Some(&*line), "{words:?}");
    }
}

#[test]
fn what_was_changed_since_stays() {
    let home = home();
    for (words, path, before, _) in files(&home) {
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, before).expect("a file");
        credential(&home, &[&["install"], &words[..]].concat()).succeeded();
        let mut text = fs::read_to_string(&path).expect("a file");
        match words[0] {
            "docker" => text = text.replace("\"auths\"", "\"mine\": 1, \"auths\""),
            "cargo" => text = text.replace("# mine", "# mine, changed"),
            _ => text.push_str("# mine, later\n"),
        }
        fs::write(&path, &text).expect("a file");
        credential(&home, &["uninstall", words[0]]).succeeded();
        let left = fs::read_to_string(&path).expect("a file");
        assert!(left.contains("mine") && !left.contains("latch"), "{words:?}: {left}");
    }
}

#[cfg(unix)]
#[test]
fn vault_runs_a_script_that_names_the_role() {
    let home = home();
    credential(&home, &["install", "vault", "--vault-role", "dev team"]).succeeded();
    let script = home.path(".local/bin/vault-credential-latch");
    let run = finished(home.command_of(&script, &["get"]).env("VAULT_ADDR", HOST));
    // It gets as far as asking the server.
    run.failed(7, "unreachable");
    credential(&home, &["install", "vault"]).failed(2, "invalid-configuration");
}

#[test]
fn google_gets_a_credential_file() {
    let home = home();
    let path = home.path(&format!("{CONFIG}/gcloud/latch.json"));
    let install = ["install", "gcloud", "--google-audience", "//iam.googleapis.com/a"];
    let run = credential(&home, &install).succeeded();
    for words in ["GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1", "--cred-file"] {
        assert!(run.stderr.contains(words), "{}", run.stderr);
    }
    let document = fs::read_to_string(&path).expect("a file");
    let document: serde_json::Value = serde_json::from_str(&document).expect("JSON");
    assert_eq!(document["audience"], "//iam.googleapis.com/a");
    let command = document["credential_source"]["executable"]["command"].as_str();
    assert!(command.expect("a command").ends_with("credential gcloud"));
    credential(&home, &["uninstall", "gcloud"]).succeeded();
    assert!(!path.exists());
}

#[cfg(unix)]
#[test]
fn settings_name_latch_as_the_path_does() {
    let home = home();
    let bin = home.path("bin");
    fs::create_dir_all(&bin).expect("a folder");
    std::os::unix::fs::symlink(latchstring_testing::built("latch"), bin.join("latch"))
        .expect("a link");
    let mut command = home.command(&["credential", "install", "git"]);
    finished(command.env("PATH", &bin)).succeeded();
    let text = fs::read_to_string(home.path(".gitconfig")).expect("a file");
    let named = format!("\thelper = \"!{}/latch credential git\"\n", bin.display());
    assert!(text.contains(&named), "{text}");
}

#[test]
fn doctor_finds_what_is_installed_and_what_is_lost() {
    let home = home();
    credential(&home, &["install", "docker"]).succeeded();
    credential(&home, &["install", "git"]).succeeded();
    let run = home.latch(&["doctor"]).succeeded();
    assert_eq!(run.stdout.matches("helper ").count(), 2, "{}", run.stdout);
    assert!(!run.stdout.contains("is gone"), "{}", run.stdout);
    fs::remove_file(launcher(&home, "docker-credential-latch")).expect("a launcher");
    fs::write(home.path(".gitconfig"), "").expect("a file");
    let run = home.latch(&["doctor"]).succeeded();
    for words in ["its launcher", "its settings are gone", "latch credential install git"] {
        assert!(run.stdout.contains(words), "{words}: {}", run.stdout);
    }
}

#[test]
fn a_launcher_is_made_again_after_latch_has_moved() {
    let home = home();
    let run = credential(&home, &["install", "docker"]).succeeded();
    run.saying(&[".local", "to PATH"]);
    let path = PathBuf::from(launcher(&home, "docker-credential-latch"));
    fs::remove_file(&path).expect("a launcher");
    #[cfg(unix)]
    std::os::unix::fs::symlink(std::env::current_exe().expect("a program"), &path).expect("a link");
    #[cfg(windows)]
    fs::write(&path, "an older version").expect("a program");
    let doctor = home.latch(&["doctor"]).succeeded();
    assert!(doctor.stdout.contains("is another version of latch"), "{}", doctor.stdout);
    credential(&home, &["install", "docker"]).succeeded();
    let run = finished(&mut home.command_of(&path, &["list"])).succeeded();
    assert_eq!(run.stdout.trim(), "{}", "what docker gets from a helper");
}

#[test]
fn a_pattern_is_for_programs_that_know_patterns() {
    let home = Home::new();
    home.login_with(&["--api-origin", "https://*.registry.example.com"]);
    credential(&home, &["install", "git"]).succeeded();
    let run = credential(&home, &["install", "docker"]).failed(2, "invalid-configuration");
    run.saying(&["*.registry.example.com", "--host"]);
    let words = ["install", "docker", "--host", "eu.registry.example.com"];
    credential(&home, &words).succeeded();
    // Beside hosts with a name, patterns are left out.
    home.latch(&["profile", "add", "default", "--api-origin", HOST]).succeeded();
    for program in ["docker", "npm"] {
        let run = credential(&home, &["install", program]).succeeded();
        assert!(run.stdout.contains("git.example.com") && !run.stdout.contains('*'));
        run.saying(&["*.registry.example.com", "--host"]);
    }
}

#[test]
fn kubectl_writes_its_own_settings() {
    let Some(_) = found("kubectl") else { return };
    let home = home();
    let path = home.path(".kube/config");
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    let before = "apiVersion: v1\nkind: Config\n# mine\n";
    fs::write(&path, before).expect("a file");
    credential(&home, &["install", "kubernetes"]).succeeded().saying(&["--user=latch"]);
    let text = fs::read_to_string(&path).expect("a file");
    for words in ["name: latch", "- credential", "- kubernetes", "interactiveMode: Never"] {
        assert!(text.contains(words), "{text}");
    }
    credential(&home, &["uninstall", "kubernetes"]).succeeded();
    assert_eq!(fs::read_to_string(&path).expect("a file"), before);
}

#[cfg(unix)]
#[test]
fn kubectl_is_given_the_whole_path_of_latch_wherever_it_is() {
    let Some(kubectl) = found("kubectl") else { return };
    let home = home();
    let bin = home.path("bin");
    fs::create_dir_all(&bin).expect("a folder");
    std::os::unix::fs::symlink(latchstring_testing::built("latch"), bin.join("latch"))
        .expect("a link");
    let mut command = home.command(&["credential", "install", "kubernetes"]);
    let folders = [&*bin, kubectl.parent().expect("a folder")];
    // Below the folder for temporary files, where kubectl gets a copy of its settings.
    command
        .env("TMPDIR", home.path(""))
        .env("PATH", std::env::join_paths(folders).expect("a path"));
    let run = finished(&mut command).succeeded();
    let whole = format!("command: {}", bin.join("latch").display());
    assert!(run.stdout.contains(&whole), "{}", run.stdout);
}

#[test]
fn only_hosts_of_the_profile_are_installed() {
    let home = home();
    let run = credential(&home, &["install", "git", "--host", "github.com"]);
    run.failed(2, "invalid-configuration").saying(&["--api-origin https://github.com"]);
    let run = credential(&home, &["install", "git", "--profile", "none"]);
    run.failed(2, "invalid-configuration").saying(&["names no host"]);
    credential(&home, &["uninstall", "git"]).succeeded().saying(&["nothing to undo"]);
}

#[cfg(unix)]
#[test]
fn a_file_of_another_user_is_not_written_through_a_link() {
    let home = home();
    let shared = home.path("shared");
    fs::create_dir_all(&shared).expect("a folder");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    fs::write(shared.join("gitconfig"), "").expect("a file");
    fs::set_permissions(shared.join("gitconfig"), mode).expect("a mode");
    std::os::unix::fs::symlink(shared.join("gitconfig"), home.path(".gitconfig")).expect("a link");
    credential(&home, &["install", "git"]).failed(2, "invalid-configuration");
    assert_eq!(fs::read_to_string(shared.join("gitconfig")).expect("a file"), "");
    // Another program's launcher stays.
    let bin = home.path(".local/bin");
    fs::create_dir_all(&bin).expect("a folder");
    fs::write(bin.join("docker-credential-latch"), "mine").expect("a file");
    credential(&home, &["install", "docker"]).failed(2, "invalid-configuration");
    assert!(!home.path(".docker/config.json").exists());
}

#[test]
fn git_finds_what_was_installed() {
    let Some(program) = found("git") else { return };
    let scene = Scene::with(Wants::Basic, |_, stream| {
        answer(stream, "200 OK", b"0000000000000000000000000000000000000001\trefs/heads/main\n");
    });
    scene.log_in();
    credential(&scene.home, &["install", "git"]).succeeded();
    let url = scene.api.url("/r.git");
    let mut git = scene.program(&program, &["ls-remote", &url]);
    let run = finished(git.env("GIT_TERMINAL_PROMPT", "0").env("GIT_CONFIG_NOSYSTEM", "1"));
    assert!(run.succeeded().stdout.contains("refs/heads/main"));
}
