//! What a shell and a terminal offer: completions, manual pages, and the pages of
//! `latch help`.

use std::path::Path;
use std::process::Command;

use latchstring_testing::{Home, Run, run, skip};

const SETTINGS: &str = "\
[profile.default]
issuer = \"https://id.example.com\"
client-id = \"demo\"
api-origins = [\"https://api.example.com\", \"https://*.example.org\"]

[profile.work]
provider = \"github\"
";

const SHELLS: [&str; 5] = ["bash", "elvish", "fish", "powershell", "zsh"];

/// Asks as the script of a shell does. The last word is the one to complete.
fn asked(home: &Home, shell: &str, line: &[&str]) -> Run {
    let mut command = home.command(&[&["--"], line].concat());
    command.env("LATCH_COMPLETE", shell).env("_CLAP_IFS", "\n");
    command.env("_CLAP_COMPLETE_INDEX", (line.len() - 1).to_string());
    run(&mut command)
}

/// What bash is offered, without the flags.
fn offered(home: &Home, line: &[&str]) -> Vec<String> {
    let run = asked(home, "bash", line).succeeded();
    let words = run.stdout.split('\n').map(|word| word.trim().to_owned());
    words.filter(|word| !word.is_empty() && !word.starts_with("--")).collect()
}

#[test]
fn a_line_is_completed_with_what_this_user_has() {
    let home = Home::new();
    home.write_config(SETTINGS);
    let rows: [(&[&str], &[&str]); 12] = [
        (&["latch", "tok"], &["token"]),
        (&["latch", "token", "--profile", ""], &["default", "work"]),
        (&["latch", "--profile", "w"], &["work"]),
        (&["latch", "profile", "show", "d"], &["default"]),
        (&["latch", "login", "--provider", "git"], &["github", "gitlab"]),
        (&["latch", "provider", "show", "auth"], &["auth0", "authgate"]),
        (&["latch", "request", "GET", "h"], &["https://api.example.com"]),
        (&["latch", "exec", "--dpop-proxy", ""], &["https://api.example.com"]),
        (&["latch", "token", "--issuer", ""], &["https://id.example.com"]),
        (&["latch", "login", "--flow", ""], &["auto", "browser", "paste", "device"]),
        (&["latch", "credential", "k"], &["kubernetes", "keyring"]),
        (&["latch", "help", "thr"], &["threat-model"]),
    ];
    for (line, words) in rows {
        assert_eq!(offered(&home, line), words, "{line:?}");
    }
    for shell in SHELLS {
        let run = asked(&home, shell, &["latch", "token", "--profile", "w"]).succeeded();
        assert!(run.stdout.contains("work") && !run.stdout.contains("default"), "{}", run.stdout);
    }
}

#[test]
fn a_completion_writes_nothing_and_shows_no_error() {
    let home = Home::new();
    for line in [&["latch", "token", "--profile", ""][..], &["latch", "nonsense", ""]] {
        let run = asked(&home, "bash", line);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{line:?}");
    }
    assert!(!home.config_folder().exists() && !home.state_folder().exists());
    home.write_config("[profile");
    let run = asked(&home, "bash", &["latch", "--profile", ""]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
}

/// Shells, with a line that loads the script and completes `latch token --profile w`.
const REAL: [(&str, &str); 4] = [
    (
        "bash",
        "source <(latch completions bash); COMP_CWORD=3; COMP_WORDS=(latch token --profile w)
        _clap_complete_latch latch w --profile; echo \"${COMPREPLY[@]}\"",
    ),
    (
        "elvish",
        "echo 'eval (latch completions elvish | slurp)
        $edit:completion:arg-completer[latch] latch token --profile w
        exit' > rc.elv
        script -qec 'elvish -rc rc.elv' /dev/null",
    ),
    ("fish", "latch completions fish | source; complete -C 'latch token --profile w'"),
    (
        "zsh",
        "mkdir -p functions; latch completions zsh > functions/_latch
        zmodload zsh/zpty; zpty shell zsh -f -i
        zpty -w shell 'fpath=($PWD/functions $fpath); autoload -U compinit; compinit -u -D; print R''EADY'
        zpty -r -m shell line '*READY*'
        zpty -n -w shell $'latch token --profile w\\t'
        zpty -r -m shell line '*ork *'; print -r -- \"w${line#*profile w}\"",
    ),
];

#[test]
fn shells_take_the_script() {
    let home = Home::new();
    home.write_config(SETTINGS);
    let program = home.program();
    let folder = program.parent().expect("a folder");
    let path = format!("{}:/usr/bin:/bin", folder.display());
    for (shell, script) in REAL {
        if !Path::new("/usr/bin").join(shell).exists() {
            skip(&format!("completions in {shell}, which is not installed"));
            continue;
        }
        // elvish has completions at a terminal alone.
        let speaks = if shell == "elvish" { "bash" } else { shell };
        // A shell that waits for more never ends by itself.
        let mut command = home.command_of("timeout", &["60", speaks, "-c", script]);
        let run = run(command.env("PATH", &path).current_dir(home.work_folder()));
        assert!(run.stdout.contains("work"), "{shell}: {}{}", run.stdout, run.stderr);
    }
}

#[test]
fn every_command_has_a_manual_page_that_explains_its_flags() {
    let home = Home::new();
    let folder = home.path("man");
    home.latch(&["manual", folder.to_str().expect("a path")]).succeeded();
    let page = |name: &str| std::fs::read_to_string(folder.join(name)).expect("a page");
    for name in ["latch.1", "latch-token.1", "latch-credential-git.1", "latch-profile-add.1"] {
        // A flag, and what is said about it in the next line.
        let text = page(name);
        let lines: Vec<&str> = text.lines().collect();
        let flags = lines.windows(2).filter(|pair| pair[0].starts_with("\\fB\\-\\-"));
        let bare: Vec<_> = flags.filter(|pair| pair[1].starts_with(".TP")).collect();
        assert!(bare.is_empty(), "{name}: {bare:?}");
    }
    assert!(page("latch.1").contains("latch\\-token(1)"));
    let man = Command::new("man").args(["-l", "-Tutf8"]).arg(folder.join("latch.1")).output();
    match man {
        Ok(output) if output.status.success() => assert!(output.stdout.starts_with(b"latch(1)")),
        _ => skip("how man shows the manual pages: there is no man"),
    }
}

/// The names of the pages, as `latch help` lists them.
fn pages(home: &Home) -> Vec<String> {
    let help = home.latch(&["help"]).succeeded().stdout;
    let (_, list) = help.split_once("Pages, for latch help PAGE:\n").expect("a list");
    list.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn help_shows_the_documents_as_text() {
    let home = Home::new();
    let pages = pages(&home);
    assert!(pages.len() > 5, "{pages:?}");
    for page in &pages {
        let text = home.latch(&["help", page]).succeeded().stdout;
        assert!(
            !text.contains("|---") && !text.contains("](") && !text.contains('\u{1b}'),
            "{text}"
        );
        for line in text.lines().filter(|line| !line.starts_with("    ")) {
            // One word, such as an address, may be longer than a line.
            let is_long = line.chars().count() > 80 && line.trim().contains(' ');
            assert!(!is_long, "{page}: {line}");
        }
    }
    let storage = home.latch(&["help", "storage"]).succeeded().stdout;
    assert!(storage.starts_with("Storage\n\n"), "{storage}");
    assert!(storage.contains("(latch help flows)"), "{storage}");
}

#[test]
fn help_is_about_commands_too() {
    let home = Home::new();
    for command in [&["token"][..], &["credential", "git"], &["mcp"]] {
        let about = home.latch(&[&["help"], command].concat()).succeeded().stdout;
        assert_eq!(about, home.latch(&[command, &["--help"]].concat()).succeeded().stdout);
    }
    home.latch(&["help", "nonsense"]).failed(2, "invalid-configuration").saying(&["flows"]);
}

#[cfg(unix)]
#[test]
fn a_page_is_shown_in_the_pager_which_gets_no_secret() {
    use latchstring_testing::tty::Tty;

    let home = Home::new();
    let mut command = home.command(&["help", "storage"]);
    command.env("PAGER", "sh -c 'cat; echo secret: $LATCH_PASSPHRASE.'");
    command.env("LATCH_PASSPHRASE", "s3cret");
    let screen = Tty::start(command).finish().stderr;
    assert!(screen.contains("Storage") && screen.contains("secret: ."), "{screen}");
    let mut command = home.command(&["help", "storage"]);
    command.env("PAGER", "/nowhere/pager");
    assert!(Tty::start(command).finish().stderr.contains("Storage"));
}
