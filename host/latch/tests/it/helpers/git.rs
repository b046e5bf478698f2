//! git, over HTTP.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use latchstring_testing::Run;
use latchstring_testing::api::{Asked, answer};

use super::scene::{Scene, Wants, fingerprint, finished, found};

/// A repository on a server, which git fetches file by file.
fn scene(wants: Wants) -> Option<Scene> {
    found("git")?;
    let folder = tempfile::tempdir().expect("a folder").keep();
    let made = |words: &[&str]| {
        let mut git = Command::new("git");
        git.current_dir(&folder).args(["-c", "user.name=a", "-c", "user.email=a@b"]).args(words);
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        finished(&mut git).succeeded();
    };
    made(&["init", "--quiet", "origin"]);
    made(&["-C", "origin", "commit", "--quiet", "--allow-empty", "-m", "first"]);
    made(&["clone", "--quiet", "--bare", "origin", "bare.git"]);
    made(&["-C", "bare.git", "update-server-info"]);
    let bare = folder.join("bare.git");
    Some(Scene::with(wants, move |asked, stream| serve(&bare, asked, stream)))
}

fn serve(bare: &Path, asked: &Asked, stream: &mut TcpStream) {
    let target = asked.line.split([' ', '?']).nth(1).unwrap_or_default();
    let file = target.strip_prefix("/repository.git/").map(|name| bare.join(name));
    match file.and_then(|file| fs::read(file).ok()) {
        Some(bytes) => answer(stream, "200 OK", &bytes),
        None => answer(stream, "404 Not Found", b""),
    }
}

/// Runs `git ls-remote` with `latch` as its only helper.
fn list(scene: &Scene, url: &str) -> Run {
    let helper = "credential.helper=!latch credential git";
    let words = ["-c", "credential.helper=", "-c", helper, "ls-remote", url];
    let mut git = scene.program(&found("git").expect("git"), &words);
    git.env("GIT_TERMINAL_PROMPT", "0").env("GIT_CONFIG_NOSYSTEM", "1");
    finished(&mut git)
}

fn url(scene: &Scene) -> String {
    scene.api.url("/repository.git")
}

#[test]
fn a_fetch_gets_the_token_as_a_password_or_as_itself() {
    for (wants, scheme) in [(Wants::Basic, "Basic "), (Wants::Bearer, "Bearer ")] {
        let Some(scene) = scene(wants) else { return };
        scene.log_in();
        let run = list(&scene, &url(&scene)).succeeded();
        assert!(run.stdout.contains("refs/heads/"), "{}", run.stdout);
        let last = scene.api.log().pop().expect("a request");
        assert!(last.header("authorization").expect("a token").starts_with(scheme));
        assert_eq!(scene.tokens().pop().flatten(), Some(scene.home.token(&[])));
        scene.expire();
        list(&scene, &url(&scene)).succeeded();
        assert_eq!(scene.renewals(), 1);
    }
}

#[test]
fn a_token_that_the_server_refuses_is_replaced_in_the_same_run() {
    for wants in [Wants::Basic, Wants::Bearer] {
        let Some(scene) = scene(wants) else { return };
        scene.log_in();
        let old = scene.home.token(&[]);
        scene.refuse();
        list(&scene, &url(&scene)).succeeded();
        let new = scene.home.token(&[]);
        assert_ne!(new, old);
        let mut sent = scene.tokens();
        sent.dedup();
        assert_eq!(sent, [None, Some(old), Some(new)], "401, renewed, 200");
        assert_eq!(scene.renewals(), 1);
    }
}

#[test]
fn eight_fetches_at_once_refresh_an_expired_token_once() {
    let Some(scene) = scene(Wants::Basic) else { return };
    scene.log_in();
    scene.expire();
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..8).map(|_| scope.spawn(|| list(&scene, &url(&scene)))).collect();
        runs.into_iter().for_each(|run| drop(run.join().expect("a run").succeeded()));
    });
    assert_eq!(scene.renewals(), 1);
}

#[test]
fn without_a_login_git_ends_with_the_command_to_log_in() {
    let Some(scene) = scene(Wants::Basic) else { return };
    scene.log_in();
    scene.home.latch(&["logout"]).succeeded();
    let run = list(&scene, &url(&scene));
    assert_ne!(run.code, 0);
    for words in ["you are not logged in", "latch login", "told us to quit"] {
        assert!(run.stderr.contains(words), "{}", run.stderr);
    }
    assert!(!run.stderr.contains("Username"), "{}", run.stderr);
}

#[test]
fn a_host_that_nobody_named_gets_no_token() {
    let Some(scene) = scene(Wants::Basic) else { return };
    scene.home.login();
    let run = list(&scene, &url(&scene));
    assert!(run.stderr.contains("could not read Username"), "{}", run.stderr);
    assert!(scene.tokens().iter().all(Option::is_none));
    // After a logout, too.
    scene.home.latch(&["logout"]).succeeded();
    assert!(list(&scene, &url(&scene)).stderr.contains("could not read Username"));
}

#[test]
fn what_git_says_and_hears_byte_for_byte() {
    let Some(scene) = scene(Wants::Basic) else { return };
    scene.log_in();
    let host = scene.api.origin().trim_start_matches("http://");
    let asked = format!("protocol=http\nhost={host}\n");
    let token = scene.home.token(&[]);
    let plain = scene.ask(&["git", "get"], &format!("{asked}\n")).succeeded();
    let (head, expiry) = plain.stdout.split_once("password_expiry_utc=").expect("an expiry");
    assert_eq!(head, format!("username=oauth2\npassword={token}\n"));
    let expiry: u64 = expiry.trim_end().parse().expect("a number");
    assert!(expiry > 1_700_000_000);
    let able = "capability[]=authtype\ncapability[]=state\nwwwauth[]=Basic realm=a\n\
        wwwauth[]=bearer realm=b\nusername=ada\n";
    let run = scene.ask(&["git", "get"], &format!("{asked}{able}\n")).succeeded();
    let state = fingerprint(&token);
    assert_eq!(
        run.stdout,
        format!(
            "capability[]=authtype\ncapability[]=state\nauthtype=Bearer\ncredential={token}\n\
             ephemeral=1\npassword_expiry_utc={expiry}\nstate[]=latch:{state}\ncontinue=1\n"
        )
    );
    let named = scene.ask(&["git", "--username", "me", "get"], &asked).succeeded();
    assert!(named.stdout.starts_with("username=me\n"), "{}", named.stdout);
    for operation in ["store", "some-later-operation"] {
        assert_eq!(scene.ask(&["git", operation], &asked).succeeded().stdout, "");
    }
    let run = scene.ask(&["git", "capability"], "").succeeded();
    assert_eq!(run.stdout, "version 0\ncapability authtype\ncapability state\n");
    for unknown in ["protocol=https\nhost=github.com\n\n", "protocol=http\n\n", "\n", "nonsense"] {
        let run = scene.ask(&["git", "get"], unknown).succeeded();
        assert_eq!((&*run.stdout, &*run.stderr), ("", ""), "{unknown}");
    }
}

#[test]
fn what_git_erases_is_replaced_and_ends_no_session() {
    let Some(scene) = scene(Wants::Basic) else { return };
    scene.log_in();
    let host = scene.api.origin().trim_start_matches("http://");
    let token = scene.home.token(&[]);
    let erased = format!("protocol=http\nhost={host}\nusername=oauth2\npassword={token}\n\n");
    for _ in 0..2 {
        let run = scene.ask(&["git", "erase"], &erased).succeeded();
        assert_eq!((&*run.stdout, &*run.stderr), ("", ""));
    }
    assert_ne!(scene.home.token(&[]), token);
    assert_eq!(scene.renewals(), 1, "of the token that was erased, and of no other");
}
