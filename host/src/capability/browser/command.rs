//! A browser by its command line.

use std::io;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::{Browser, browser_url};
use crate::error::{Code, Error};
use crate::secret_variables;

/// How long a browser's command has to fail before it counts as working.
const SETTLING: Duration = Duration::from_millis(300);

/// Runs the words of a command, with the URL as one more word at the end.
#[derive(Debug, Clone)]
pub struct CommandBrowser {
    program: String,
    arguments: Vec<String>,
}

impl CommandBrowser {
    /// Splits `words` as a POSIX shell would, quotes and backslashes included,
    /// but expands nothing. Fails with `invalid-configuration` where there is no
    /// word or a quote stays open.
    pub fn new(words: &str) -> Result<Self, Error> {
        let invalid = |message: &str| {
            let remedy = "give a program and its arguments, such as: firefox --new-window";
            Error::new(Code::InvalidConfiguration, message, remedy)
        };
        let words = shlex::split(words);
        let mut words =
            words.ok_or_else(|| invalid("the browser's command has an open quote"))?.into_iter();
        let program = words.next().filter(|program| !program.is_empty());
        let program = program.ok_or_else(|| invalid("the browser's command is empty"))?;
        Ok(Self { program, arguments: words.collect() })
    }
}

impl Browser for CommandBrowser {
    fn open(&self, url: &str) -> Result<(), Error> {
        let url = browser_url(url)?;
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).arg(url.as_str());
        start(&mut command).map_err(|error| {
            Error::new(
                Code::HostFault,
                format!("cannot start the browser {}: {error}", self.program),
                "open the URL by hand, or name another browser",
            )
        })
    }
}

/// Starts a program that neither reads nor writes what this one does, that Ctrl-C in
/// this program's terminal does not reach, and that inherits no secret.
///
/// Fails if it cannot be started, and if it ends with failure at once.
pub(super) fn start(command: &mut Command) -> io::Result<()> {
    detach(command);
    for name in secret_variables::ALL {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match at_once(command.spawn()?) {
        Some(status) if !status.success() => {
            Err(io::Error::other(format!("it ended at once: {status}")))
        }
        _ => Ok(()),
    }
}

/// Returns how the program ended, or None if it still runs. A thread waits for it,
/// so that it leaves no zombie; if there can be none, it stays one.
fn at_once(mut child: Child) -> Option<ExitStatus> {
    let (sender, ended) = mpsc::channel();
    let wait = move || {
        if let Ok(status) = child.wait() {
            let _ = sender.send(status);
        }
    };
    thread::Builder::new().name("browser".to_owned()).spawn(wait).ok()?;
    ended.recv_timeout(SETTLING).ok()
}

#[cfg(unix)]
fn detach(command: &mut Command) {
    std::os::unix::process::CommandExt::process_group(command, 0);
}

#[cfg(windows)]
fn detach(command: &mut Command) {
    /// <https://learn.microsoft.com/windows/win32/procthread/process-creation-flags>
    const CREATE_NEW_PROCESS_GROUP: u32 = 0x0200;
    std::os::windows::process::CommandExt::creation_flags(command, CREATE_NEW_PROCESS_GROUP);
}

#[cfg(not(any(unix, windows)))]
fn detach(_: &mut Command) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_or_an_open_quote_is_invalid_configuration() {
        for words in ["", "  ", "''", "'' x", "firefox 'x", "\"", "# comment"] {
            let error = CommandBrowser::new(words).expect_err(words);
            assert_eq!(error.code(), Code::InvalidConfiguration, "{words}");
        }
    }

    #[test]
    fn a_missing_program_is_named() {
        let browser = CommandBrowser::new("/nowhere/browser --new").expect("words");
        let error = browser.open("https://login.example/").expect_err("missing");
        assert!(error.message().contains("/nowhere/browser"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_fails_at_once_is_noticed() {
        let browser = CommandBrowser::new("false").expect("words");
        let error = browser.open("https://login.example/").expect_err("a failure");
        assert!(error.message().contains("false: it ended at once"), "{error}");
        CommandBrowser::new("true").expect("words").open("https://login.example/").expect("it");
    }

    #[test]
    fn other_urls_start_nothing() {
        let browser = CommandBrowser::new("/nowhere/browser").expect("words");
        let error = browser.open("file:///etc/passwd").expect_err("denied");
        assert_eq!(error.code(), Code::EgressDenied);
    }

    #[cfg(unix)]
    mod unix {
        use std::fs;
        use std::io::Read;
        use std::os::unix::fs::PermissionsExt;

        use super::*;

        /// A folder with a program that writes its arguments to a pipe, one a line,
        /// and whether it leads a process group; reading the pipe waits for it.
        fn recorder() -> (tempfile::TempDir, String) {
            let folder = tempfile::TempDir::new().expect("folder");
            let pipe = folder.path().join("seen");
            assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
            let script = folder.path().join("my browser");
            let text = "#!/bin/sh\nexec >\"${0%/*}/seen\"\nprintf '%s\\n' \"$@\"\n\
                        kill -s 0 -- -$$ && echo leader\n";
            fs::write(&script, text).expect("script");
            fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).expect("mode");
            (folder, script.display().to_string())
        }

        #[test]
        fn words_reach_the_program_unexpanded_with_the_url_last_in_a_group_of_its_own() {
            let (folder, script) = recorder();
            let words = format!("'{script}' --a '$HOME  *' \"b;c\"");
            CommandBrowser::new(&words)
                .expect("words")
                .open("https://login.example/?a=b&c=$d")
                .expect("open");
            let mut seen = String::new();
            let mut pipe = fs::File::open(folder.path().join("seen")).expect("pipe");
            pipe.read_to_string(&mut seen).expect("seen");
            let lines: Vec<_> = seen.lines().collect();
            assert_eq!(lines[..4], ["--a", "$HOME  *", "b;c", "https://login.example/?a=b&c=$d"]);
            assert_eq!(lines[4..], ["leader"]);
        }
    }
}
