//! A browser started with a command.

use std::io;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;

use async_trait::async_trait;
use tokio::sync::watch;

use super::launch::file_url;
use super::{Browser, browser_url};
use crate::error::{Code, Error};
use crate::secret_variables;
use crate::words;

/// Runs a command with the URL as its last argument.
#[derive(Debug, Clone)]
pub struct CommandBrowser {
    program: String,
    arguments: Vec<String>,
    /// The exit status of the last started program if it failed.
    failed: watch::Sender<Option<ExitStatus>>,
}

impl CommandBrowser {
    /// Splits `words` as a POSIX shell would, with quotes and backslashes but without
    /// expansion; on Windows as programs there split their command lines.
    ///
    /// # Errors
    ///
    /// Returns `invalid-configuration` if there is no word or a quote is not closed.
    pub fn new(words: &str) -> Result<Self, Error> {
        let invalid = |message: &str| {
            let remedy = "pass a program and its arguments, such as: firefox --new-window";
            Error::new(Code::InvalidConfiguration, message, remedy)
        };
        let mut words = words::split(words)
            .ok_or_else(|| invalid("the browser's command has an unclosed quote"))?
            .into_iter();
        let program = words.next().filter(|program| !program.is_empty());
        let program = program.ok_or_else(|| invalid("the browser's command is empty"))?;
        Ok(Self { program, arguments: words.collect(), failed: watch::Sender::new(None) })
    }
}

#[async_trait]
impl Browser for CommandBrowser {
    fn open(&self, url: &str) -> Result<(), Error> {
        self.run(browser_url(url)?.as_str())
    }

    fn shows_address(&self) -> bool {
        true
    }

    fn open_file(&self, file: &Path) -> Result<(), Error> {
        self.run(file_url(file)?.as_str())
    }

    async fn failure(&self) -> Error {
        let mut failed = self.failed.subscribe();
        match failed.wait_for(Option::is_some).await.map(|status| *status) {
            Ok(Some(status)) => self.error(&format!("it ended with {status}")),
            // OK because the sender lives as long as this browser.
            _ => std::future::pending().await,
        }
    }
}

impl CommandBrowser {
    fn error(&self, reason: &str) -> Error {
        Error::new(
            Code::HostFault,
            format!("cannot start the browser {}: {reason}", self.program),
            "open the address by hand, or name another browser",
        )
    }

    fn run(&self, address: &str) -> Result<(), Error> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).arg(address);
        let child = start(&mut command).map_err(|error| self.error(&error.to_string()))?;
        self.failed.send_replace(None);
        let failed = self.failed.clone();
        reap(child, move |status| {
            failed.send_replace(status.filter(|status| !status.success()));
        });
        Ok(())
    }
}

/// Starts a program without this program's standard streams and secrets, in a process group
/// that Ctrl-C in this terminal does not reach. On Windows, a program of the console gets a
/// console of its own without a window, which closing this window does not end.
pub(super) fn start(command: &mut Command) -> io::Result<Child> {
    detach(command);
    secret_variables::withhold_from(command);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}

#[cfg(unix)]
fn detach(command: &mut Command) {
    std::os::unix::process::CommandExt::process_group(command, 0);
}

#[cfg(windows)]
fn detach(command: &mut Command) {
    /// <https://learn.microsoft.com/windows/win32/procthread/process-creation-flags>
    const CREATE_NEW_PROCESS_GROUP: u32 = 0x0000_0200;
    const CREATE_NO_WINDOW: u32 = 0x0800_0000;
    std::os::windows::process::CommandExt::creation_flags(
        command,
        CREATE_NEW_PROCESS_GROUP | CREATE_NO_WINDOW,
    );
}

#[cfg(not(any(unix, windows)))]
fn detach(_: &mut Command) {}

/// Waits for the child in a thread, so that it leaves no zombie, and calls `ended` with its
/// exit status, or `None` if that is unknown. Without a thread, the child stays a zombie.
pub(super) fn reap(mut child: Child, ended: impl FnOnce(Option<ExitStatus>) + Send + 'static) {
    let wait = move || ended(child.wait().ok());
    let _ = thread::Builder::new().name("browser".to_owned()).spawn(wait);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_or_an_open_quote_is_invalid_configuration() {
        let everywhere = ["", "  ", "\"\" x"];
        // Windows has other quotes and no comments.
        let of_shells = ["''", "'' x", "firefox 'x", "\"", "# comment"];
        let of_shells = of_shells.into_iter().filter(|_| !cfg!(windows));
        for words in everywhere.into_iter().chain(of_shells) {
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
    #[tokio::test]
    async fn a_program_that_fails_is_noticed() {
        let browser = CommandBrowser::new("false").expect("words");
        browser.open("https://login.example/").expect("a start");
        let error = browser.failure().await;
        assert!(error.message().contains("false: it ended with exit status: 1"), "{error}");
    }

    #[test]
    fn other_urls_start_nothing() {
        let browser = CommandBrowser::new("/nowhere/browser").expect("words");
        let error = browser.open("file:///etc/passwd").expect_err("denied");
        assert_eq!(error.code(), Code::EgressDenied);
    }

    #[cfg(unix)]
    #[test]
    fn words_reach_the_program_unexpanded_with_the_url_last_in_its_own_group() {
        use std::fs;
        use std::io::Read;

        // Prints its arguments, one per line, and whether it leads a process group. Reading
        // the pipe waits for it. The shell reads this script from a file: executing a file
        // that was just written can fail with ETXTBSY, because a child that another thread
        // has forked meanwhile can still hold it open for writing.
        let folder = tempfile::TempDir::new().expect("folder");
        let pipe = folder.path().join("seen");
        assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
        let script = folder.path().join("my browser");
        let text = "exec >\"${0%/*}/seen\"\nprintf '%s\\n' \"$@\"\n\
                    kill -s 0 -- -$$ && echo leader\n";
        fs::write(&script, text).expect("script");

        let words = format!("/bin/sh '{}' --a '$HOME  *' \"b;c\"", script.display());
        CommandBrowser::new(&words)
            .expect("words")
            .open("https://login.example/?a=b&c=$d")
            .expect("open");
        let mut seen = String::new();
        let mut pipe = fs::File::open(&pipe).expect("pipe");
        pipe.read_to_string(&mut seen).expect("seen");
        let lines: Vec<_> = seen.lines().collect();
        assert_eq!(lines[..4], ["--a", "$HOME  *", "b;c", "https://login.example/?a=b&c=$d"]);
        assert_eq!(lines[4..], ["leader"]);
    }
}
