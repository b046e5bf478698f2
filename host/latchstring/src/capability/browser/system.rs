//! The browser that the user or the desktop has chosen.

use std::env;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use url::Url;

use super::command::{reap, start};
use super::launch::file_url;
use super::{Browser, browser_url};
use crate::error::{Code, Error};

/// Time for a desktop's launcher to fail before it counts as working. In tests, launchers
/// end by themselves, which can take long on a busy machine.
const SETTLING: Duration = Duration::from_millis(if cfg!(test) { 600_000 } else { 300 });

/// Opens the default browser.
///
/// On Unix, the commands in `BROWSER` are tried first. They are separated by colons and
/// split into words as a POSIX shell would; `%s` is replaced by the URL, which is appended
/// if there is no `%s`. Then come the desktop's launchers if there is a graphical session:
/// without one they would start a text browser that the user does not see.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemBrowser;

impl Browser for SystemBrowser {
    fn open(&self, url: &str) -> Result<(), Error> {
        start_first(&browser_url(url)?)
    }

    fn shows_address(&self) -> bool {
        true
    }

    fn open_file(&self, file: &Path) -> Result<(), Error> {
        start_first(&file_url(file)?)
    }
}

/// Opens a URL in the first browser that starts.
fn start_first(url: &Url) -> Result<(), Error> {
    let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    let graphical = set("DISPLAY") || set("WAYLAND_DISPLAY");
    let named = env::var("BROWSER").ok().filter(|_| cfg!(unix));
    first_that_starts(&launchers(named.as_deref(), graphical), url)
}

/// A command that opens a URL.
#[derive(Debug, PartialEq)]
struct Launcher {
    /// Program and arguments; `%s` is replaced by the URL.
    words: Vec<String>,
    /// Whether its exit status soon says if it found a browser. A command from `BROWSER`
    /// may be the browser itself, which keeps running.
    settles: bool,
}

impl Launcher {
    fn of_the_system(words: &[&str]) -> Self {
        let words = words.iter().chain(&["%s"]).map(|&word| word.to_owned());
        Self { words: words.collect(), settles: true }
    }

    fn of_the_user(entry: &str) -> Option<Self> {
        let mut words = shlex::split(entry)?;
        words.first().filter(|program| !program.is_empty())?;
        if !words.iter().any(|word| word.contains("%s")) {
            words.push("%s".to_owned());
        }
        Some(Self { words, settles: false })
    }

    fn starts(&self, url: &Url) -> bool {
        let mut words = self.words.iter().map(|word| word.replace("%s", url.as_str()));
        let Some(program) = words.next() else {
            return false;
        };
        let Ok(child) = start(Command::new(program).args(words)) else {
            return false;
        };
        let (sender, receiver) = mpsc::channel();
        reap(child, move |status| {
            let _ = sender.send(status.is_some_and(|status| status.success()));
        });
        !self.settles || receiver.recv_timeout(SETTLING).unwrap_or(true)
    }
}

fn launchers(named: Option<&str>, graphical: bool) -> Vec<Launcher> {
    let named = named.unwrap_or_default().split(':').filter_map(Launcher::of_the_user);
    let system: &[&[&str]] = if cfg!(target_os = "macos") {
        &[&["/usr/bin/open"]]
    } else if cfg!(windows) {
        // What ShellExecuteW starts gets this process's environment, secrets included. Other
        // users cannot read a command line there.
        &[&["rundll32.exe", "url.dll,FileProtocolHandler"]]
    } else if graphical {
        &[&["xdg-open"], &["gio", "open"], &["wslview"], &["x-www-browser"]]
    } else {
        &[&["wslview"]]
    };
    named.chain(system.iter().map(|words| Launcher::of_the_system(words))).collect()
}

fn first_that_starts(launchers: &[Launcher], url: &Url) -> Result<(), Error> {
    if launchers.iter().any(|launcher| launcher.starts(url)) {
        return Ok(());
    }
    Err(Error::new(
        Code::HostFault,
        "no program that opens addresses works here",
        "open the address by hand, or name a browser in BROWSER",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(launchers: &[Launcher]) -> Vec<String> {
        launchers.iter().map(|launcher| launcher.words.join(" ")).collect()
    }

    #[test]
    fn commands_in_browser_come_first_and_in_order() {
        let found = launchers(Some("firefox --new '%s':: 'my browser' -x :'open quote"), false);
        assert_eq!(words(&found)[..2], ["firefox --new %s", "my browser -x %s"]);
        assert!(!found[0].settles && found[2..].iter().all(|launcher| launcher.settles));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn desktop_launchers_wait_for_a_graphical_session() {
        assert_eq!(words(&launchers(None, false)), ["wslview %s"]);
        assert_eq!(words(&launchers(Some(""), true))[0], "xdg-open %s");
    }

    #[cfg(unix)]
    #[test]
    fn a_launcher_that_is_missing_or_fails_gives_way_to_the_next() {
        let url = browser_url("https://login.example/").expect("https");
        let missing = || Launcher::of_the_system(&["/nowhere/browser"]);
        let failing = || Launcher::of_the_system(&["false"]);
        let error = first_that_starts(&[missing(), failing()], &url).expect_err("none");
        assert!(error.remedy().contains("BROWSER"));
        let working = Launcher::of_the_system(&["true"]);
        assert!(first_that_starts(&[missing(), failing(), working], &url).is_ok());
        let own = Launcher::of_the_user("false").expect("words");
        assert!(first_that_starts(&[own], &url).is_ok());
    }
}
