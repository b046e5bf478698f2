//! Renewal of tokens in a separate process.
//!
//! A provider that rotates refresh tokens replaces the stored one as soon as it gets the
//! request ([RFC 9700 §4.14.2](https://www.rfc-editor.org/rfc/rfc9700#section-4.14.2)). A
//! process that ends between the request and the save has lost the session. So a program
//! may leave the request to a second process, which does not end with the first.
//!
//! ```text
//! Latch::token_for       the stored token does not meet the demand: starts the
//!                        process and writes a Request to its standard input
//! serve_renewal          leaves the caller's terminal, reads the request, locks,
//!                        renews, saves; writes Lines, the last one an answer
//! Latch::token_for       shows the progress, returns what the answer says
//! ```

use std::ffi::OsString;
use std::io::{self, Read as _, Write as _, stdin, stdout};
use std::path::PathBuf;
use std::pin::pin;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};
use zeroize::Zeroizing;

use super::Renewal;
use crate::builder::LatchBuilder;
use crate::capability::terminal::{Settled, Terminal};
use crate::error::{Code, Error};
use crate::latch::Latch;
use crate::sandbox::{Recorder, Recording};
use crate::task::{Done, Imported, Task};
use crate::token::Token;
use latchstring_core::contract::{Client, Failure, Grant};

/// Longest request that is read, in bytes. A request to import a session has two tokens.
const LONGEST_REQUEST: u64 = 4 << 20;

/// Most progress that is written before the answer, in bytes. What the caller has not read
/// must fit into a pipe: a caller that does not read must not block the renewal.
const MOST_PROGRESS: usize = 4096;

/// A program that calls [`serve_renewal`].
#[derive(Clone)]
pub struct RenewalProcess {
    /// The program's path; `None` for the running program.
    program: Option<PathBuf>,
    arguments: Vec<OsString>,
    settings: Zeroizing<String>,
}

impl RenewalProcess {
    /// Uses the running program, started again with these arguments.
    pub fn this_program<S: Into<OsString>>(arguments: impl IntoIterator<Item = S>) -> Self {
        Self {
            program: None,
            arguments: arguments.into_iter().map(Into::into).collect(),
            settings: Zeroizing::default(),
        }
    }

    /// Uses another program, started with these arguments.
    pub fn program<S: Into<OsString>>(
        program: impl Into<PathBuf>,
        arguments: impl IntoIterator<Item = S>,
    ) -> Self {
        Self { program: Some(program.into()), ..Self::this_program(arguments) }
    }

    /// Sets the text that `prepare` of [`serve_renewal`] gets. It is sent through a pipe,
    /// so it may contain secrets.
    #[must_use]
    pub fn settings(mut self, settings: impl Into<Zeroizing<String>>) -> Self {
        self.settings = settings.into();
        self
    }

    /// Runs `task` for `latch` in a new process. Returns `None` if no process could be
    /// started or it did not understand the request; nothing was sent to the provider then.
    pub(crate) async fn run(&self, latch: &Latch, task: &Task) -> Option<Result<Done, Error>> {
        let request = Request {
            version: VERSION.to_owned(),
            client: latch.client().clone(),
            profile: latch.key().profile.clone(),
            account: latch.key().account.clone(),
            settings: self.settings.to_string(),
            records: latch.recorder().is_some(),
            task: task.clone(),
        };
        let request = Zeroizing::new(serde_json::to_vec(&request).ok()?);
        let mut child = self.start().ok()?;
        // Dropping the handle ends the process's input. A process that has read only a part
        // declines.
        let _ = child.stdin.take()?.write_all(&request).await;
        answer(child, latch).await
    }

    fn start(&self) -> io::Result<Child> {
        let program = match &self.program {
            Some(program) => program.clone(),
            None => std::env::current_exe()?,
        };
        let mut command = Command::new(program);
        command.args(&self.arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        spawn_detached(&mut command)
    }
}

/// On Unix, the process leaves the terminal by itself: see [`leave_terminal`].
#[cfg(not(windows))]
fn spawn_detached(command: &mut Command) -> io::Result<Child> {
    command.spawn()
}

/// Starts the process apart from the caller's console, so that closing its window does not
/// end the process, and apart from its job if that lets it go: an editor or a CI system may
/// end all that is in one.
/// <https://learn.microsoft.com/windows/win32/procthread/process-creation-flags>
#[cfg(windows)]
fn spawn_detached(command: &mut Command) -> io::Result<Child> {
    const DETACHED_PROCESS: u32 = 0x0000_0008;
    const CREATE_NEW_PROCESS_GROUP: u32 = 0x0000_0200;
    const CREATE_BREAKAWAY_FROM_JOB: u32 = 0x0100_0000;
    const APART: u32 = DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP;

    let child = command.creation_flags(APART | CREATE_BREAKAWAY_FROM_JOB).spawn();
    child.or_else(|_| command.creation_flags(APART).spawn())
}

/// The version of this crate, because two versions may write requests differently.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The caller's request: what to do, and for which session.
#[derive(Serialize, Deserialize)]
struct Request {
    version: String,
    client: Client,
    profile: String,
    account: String,
    settings: String,
    /// Whether the caller records the session.
    records: bool,
    task: Task,
}

/// One line of the process's output.
#[derive(Serialize, Deserialize)]
enum Line {
    // Progress, as methods of `Terminal`.
    Say(String),
    Wait(String),
    Settle,
    Detail(String),
    Recorded(Recording),
    // The answer, which is the last line.
    Granted(Grant),
    Unchecked(Failure),
    Imported(Grant),
    Failed(Failure),
    /// The request was not understood, and nothing was done.
    Declined,
}

impl Line {
    fn write(&self) -> io::Result<usize> {
        let mut line = Zeroizing::new(serde_json::to_vec(self)?);
        line.push(b'\n');
        let mut stdout = stdout().lock();
        stdout.write_all(&line)?;
        stdout.flush()?;
        Ok(line.len())
    }
}

impl From<Result<Done, Error>> for Line {
    fn from(result: Result<Done, Error>) -> Self {
        match result {
            Ok(Done::Token(token)) => Self::Granted(token.grant().clone()),
            Ok(Done::Imported(Imported::Checked(token))) => Self::Imported(token.grant().clone()),
            Ok(Done::Imported(Imported::Unchecked(error))) => Self::Unchecked(error.into()),
            Err(error) => Self::Failed(error.into()),
        }
    }
}

/// Shows the process's progress and returns its answer. Returns `None` if the process ended
/// without an answer and had sent no request: it always writes `Wait` before it sends one.
async fn answer(mut child: Child, latch: &Latch) -> Option<Result<Done, Error>> {
    let terminal = latch.terminal();
    let mut output = BufReader::new(child.stdout.take()?);
    let _settled = Settled(terminal);
    let mut has_sent = false;
    let mut line = Zeroizing::new(Vec::new());
    loop {
        line.clear();
        let length = output.read_until(b'\n', &mut line).await.unwrap_or_default();
        let answer = match serde_json::from_slice(&line) {
            Ok(Line::Say(text)) => {
                terminal.say(&text);
                continue;
            }
            Ok(Line::Wait(text)) => {
                has_sent = true;
                terminal.wait(&text);
                continue;
            }
            Ok(Line::Settle) => {
                terminal.settle();
                continue;
            }
            Ok(Line::Detail(text)) => {
                terminal.detail(&text);
                continue;
            }
            Ok(Line::Recorded(recording)) => {
                if let Some(recorder) = latch.recorder() {
                    recorder.replace(recording);
                }
                continue;
            }
            Ok(Line::Declined) => return None,
            Ok(Line::Granted(grant)) => {
                Token::try_from(grant).map(|token| Done::Token(Box::new(token)))
            }
            Ok(Line::Imported(grant)) => Token::try_from(grant)
                .map(|token| Done::Imported(Imported::Checked(Box::new(token)))),
            Ok(Line::Unchecked(failure)) => {
                Ok(Done::Imported(Imported::Unchecked(Error::from(failure))))
            }
            Ok(Line::Failed(failure)) => Err(Error::from(failure)),
            Err(_) if !has_sent => return None,
            Err(_) if length == 0 => Err(lost(&match child.wait().await {
                Ok(status) => status.to_string(),
                Err(error) => error.to_string(),
            })),
            // Never show the bytes: they could be half a token.
            Err(_) => Err(lost("its answer cannot be read")),
        };
        return Some(answer);
    }
}

fn lost(reason: &str) -> Error {
    Error::new(
        Code::HostFault,
        format!("the process that refreshes the token ended without an answer ({reason})"),
        "try again",
    )
}

/// Answers one request of [`Renewal::OwnProcess`]. Call it in a hidden mode of a program,
/// which ends when this returns.
///
/// Reads standard input, writes standard output, and uses no terminal. Once a request was
/// sent to the provider, it is completed even if the caller ends or a signal such as SIGINT
/// or SIGTERM arrives.
///
/// `prepare` gets a builder with the caller's client, profile and account, and the text of
/// [`RenewalProcess::settings`]. It sets the store, and the HTTP client if the program has
/// its own.
///
/// ```no_run
/// use latchstring::{Latch, Renewal, RenewalProcess, serve_renewal};
///
/// # async fn run() -> Result<(), latchstring::Error> {
/// if std::env::args().nth(1).as_deref() == Some("renew") {
///     return serve_renewal(|builder, _settings| Ok(builder)).await;
/// }
/// let latch = Latch::builder("https://id.example.com", "my-cli")
///     .renew_in(Renewal::OwnProcess(RenewalProcess::this_program(["renew"])))
///     .build()?;
/// let token = latch.token_or_login().await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// Fails if the answer cannot be written.
pub async fn serve_renewal(
    prepare: impl FnOnce(LatchBuilder, &str) -> Result<LatchBuilder, Error>,
) -> Result<(), Error> {
    let abandoned = leave_terminal();
    let mut bytes = Zeroizing::new(Vec::new());
    let read = stdin().lock().take(LONGEST_REQUEST).read_to_end(&mut bytes);
    let request = read.ok().and_then(|_| serde_json::from_slice::<Request>(&bytes).ok());
    let Some(request) = request.filter(|request| request.version == VERSION) else {
        return Line::Declined.write().map(drop).map_err(|error| unread(&error));
    };
    let Request { client, profile, account, settings, records, task, .. } = request;
    let settings = Zeroizing::new(settings);
    let recorder = records.then(Recorder::new);
    let builder = LatchBuilder::of_client(client)
        .profile(profile)
        .account(account)
        .recorded_by(recorder.clone());
    let progress = Progress::default();
    let latch = prepare(builder, &settings).and_then(|builder| {
        builder.renew_in(Renewal::ThisProcess).terminal(progress.clone()).build()
    });
    let result = match latch {
        Ok(latch) => {
            let mut task = pin!(latch.carry_out(task));
            tokio::select! {
                biased;
                result = &mut task => result,
                // The caller has ended. A renewal that has sent a request is completed; one
                // that still waits for the lock is not.
                () = abandoned => match progress.has_sent() {
                    true => task.await,
                    false => return Ok(()),
                },
            }
        }
        Err(error) => Err(error),
    };
    if let Some(recording) = recorder.and_then(|recorder| recorder.take()) {
        // A caller that does not read this does not read the answer either.
        let _ = Line::Recorded(recording).write();
    }
    Line::from(result).write().map(drop).map_err(|error| unread(&error))
}

fn unread(error: &io::Error) -> Error {
    Error::new(
        Code::HostFault,
        format!("the answer cannot be written: {error}"),
        "this mode is for the program itself, which reads it",
    )
}

/// Moves this process to a session without a terminal, so that a terminal cannot stop or
/// end it. Signals that end a program, and the end of the caller, only complete the
/// returned future.
#[cfg(unix)]
fn leave_terminal() -> impl Future<Output = ()> {
    use std::future::poll_fn;
    use std::task::Poll;
    use std::thread;

    use rustix::event::{PollFd, PollFlags, poll};
    use tokio::signal::unix::{SignalKind, signal};
    use tokio::sync::oneshot;

    // Fails only if the process already leads a process group.
    let _ = rustix::process::setsid();
    let mut signals =
        [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
    let (sender, caller_ended) = oneshot::channel();
    let wait = move || {
        // A closed pipe is reported even if no event is requested.
        let _ = poll(&mut [PollFd::new(&stdout(), PollFlags::empty())], None);
        let _ = sender.send(());
    };
    let waits = thread::Builder::new().name("caller".to_owned()).spawn(wait).is_ok();
    async move {
        let signal = poll_fn(|context| {
            let mut signals = signals.iter_mut().flatten();
            match signals.any(|signal| signal.poll_recv(context).is_ready()) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        });
        tokio::select! {
            () = signal => {}
            _ = caller_ended, if waits => {}
        }
    }
}

#[cfg(not(unix))]
fn leave_terminal() -> impl Future<Output = ()> {
    std::future::pending()
}

/// A terminal that passes messages on to the caller.
#[derive(Clone, Default)]
struct Progress(Arc<Passed>);

#[derive(Default)]
struct Passed {
    bytes: AtomicUsize,
    has_sent: AtomicBool,
}

impl Progress {
    /// Returns whether a request was sent, or is about to be.
    fn has_sent(&self) -> bool {
        self.0.has_sent.load(Ordering::Relaxed)
    }

    fn pass_on(&self, line: &Line) {
        if self.0.bytes.load(Ordering::Relaxed) >= MOST_PROGRESS {
            return;
        }
        // Ignore errors: the renewal continues without its caller.
        if let Ok(length) = line.write() {
            self.0.bytes.fetch_add(length, Ordering::Relaxed);
        }
    }
}

impl Terminal for Progress {
    fn say(&self, text: &str) {
        self.pass_on(&Line::Say(text.to_owned()));
    }

    fn wait(&self, what: &str) {
        self.0.has_sent.store(true, Ordering::Relaxed);
        self.pass_on(&Line::Wait(what.to_owned()));
    }

    fn settle(&self) {
        self.pass_on(&Line::Settle);
    }

    fn is_attended(&self) -> bool {
        false
    }

    fn detail(&self, text: &str) {
        self.pass_on(&Line::Detail(text.to_owned()));
    }
}
