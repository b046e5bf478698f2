//! The state of a bridge, and how messages leave it for the client.

use std::sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::{Mutex, Notify, OwnedMutexGuard, OwnedSemaphorePermit};
use tokio::task::AbortHandle;
use url::Url;

use super::message::{Answer, Fault};
use super::server::Server;
use super::stdio::{Output, Writer};
use crate::cli::output::say;

/// The bridge between one client and one server.
pub(super) struct Bridge {
    pub(super) server: Server,
    pub(super) output: Output,
    /// Held by the message that is being sent. Messages get it in order of arrival. A
    /// request gives it on as soon as it is on its way; what needs no answer, and what
    /// begins a session, keeps it until the server has accepted it.
    pub(super) turn: Arc<Mutex<()>>,
    /// Requests that the client may cancel.
    pub(super) open: StdMutex<Vec<Open>>,
    /// The task that passes on messages that answer no request.
    pub(super) listener: StdMutex<Option<AbortHandle>>,
    /// The connection, if the server speaks the older transport.
    pub(super) older: StdMutex<Option<Arc<Older>>>,
    /// Whether the server has accepted a message.
    pub(super) is_accepted: StdMutex<bool>,
    /// Notified whenever the server accepts a message, and so a token.
    pub(super) accepted: Notify,
}

/// One of the places for requests that run at once; empty once it is given back.
pub(super) type Place = Arc<StdMutex<Option<OwnedSemaphorePermit>>>;

/// A request that the client may cancel.
pub(super) struct Open {
    pub(super) id: Value,
    pub(super) task: AbortHandle,
    pub(super) place: Place,
    /// Whether it is cancelled by ending its connection, as revisions without sessions do.
    pub(super) hangs_up: bool,
}

/// The requests in a message that are not answered yet.
pub(super) struct Pending {
    pub(super) ids: Vec<Value>,
    /// Whether they begin a session.
    pub(super) is_first: bool,
    /// Whether they ask which tools there are.
    pub(super) lists_tools: bool,
    /// Given back when the last one is answered.
    pub(super) place: Place,
    /// The message's turn, while it keeps it.
    pub(super) turn: Option<OwnedMutexGuard<()>>,
}

/// A connection to a server of the revision 2024-11-05.
pub(super) struct Older {
    /// Where messages are sent to.
    pub(super) endpoint: Url,
    /// Requests whose answers are still to come. `None` once the stream has ended.
    pub(super) waiting: StdMutex<Option<Vec<Pending>>>,
}

impl Pending {
    pub(super) fn is_answered(&self) -> bool {
        self.ids.is_empty()
    }

    /// Notes which requests a message answers.
    pub(super) fn note(&mut self, answered: &[Value]) {
        self.ids.retain(|id| !answered.contains(id));
        if self.is_answered() {
            lock(&self.place).take();
            self.turn = None;
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        lock(&self.place).take();
    }
}

impl Bridge {
    /// Starts a bridge to this server, with this program's output.
    pub(super) fn start(server: Server) -> (Arc<Self>, Writer) {
        let (output, writer) = Output::start();
        let bridge = Self {
            server,
            output,
            turn: Arc::default(),
            open: StdMutex::default(),
            listener: StdMutex::default(),
            older: StdMutex::default(),
            is_accepted: StdMutex::default(),
            accepted: Notify::new(),
        };
        (Arc::new(bridge), writer)
    }

    /// Reads a message in a stream. Reports anything else, and returns `None`.
    pub(super) fn read(&self, text: &str) -> Option<Answer> {
        let answer = Answer::read(text.as_bytes());
        if answer.is_none() {
            say("latch: the server sent something that is not a JSON-RPC message");
        }
        answer
    }

    /// Passes on a message from the server.
    pub(super) async fn deliver(&self, answer: Answer, pending: Option<&mut Pending>) {
        if let Some(pending) = &pending
            && pending.is_first
            && let Some(version) = answer.protocol_version()
        {
            self.server.agree_on(version);
        }
        if pending.as_ref().is_some_and(|pending| pending.lists_tools) {
            self.server.learn_tools(&answer);
        }
        self.output.write(answer.line).await;
        if let Some(pending) = pending {
            pending.note(&answer.answered);
        }
    }

    /// Answers requests with an error. Without a request, reports it to the user.
    pub(super) async fn fail(&self, ids: &[Value], fault: &Fault) {
        if ids.is_empty() {
            say(&format!("latch: {}", fault.message()));
        }
        for id in ids {
            self.output.write(fault.answer_to(id)).await;
        }
    }
}

pub(super) fn lock<T>(value: &StdMutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}
