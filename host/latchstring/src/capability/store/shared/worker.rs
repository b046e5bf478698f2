//! The thread that talks to the server of a shared store.
//!
//! It has a runtime of its own. So a lock is kept alive while the caller's runtime is busy,
//! and released before the drop that releases it returns, although dropping cannot wait.

use std::future::Future;
use std::sync::mpsc;
use std::thread::{self, ThreadId};
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::error::{Code, Error};

/// A thread that runs what it is given. It ends when this is dropped.
pub(super) struct Worker {
    handle: Handle,
    thread: ThreadId,
    _stop: oneshot::Sender<()>,
}

impl Worker {
    pub(super) fn start() -> Result<Self, Error> {
        let failed = |error: std::io::Error| {
            Error::new(
                Code::HostFault,
                format!("cannot start a thread for the shared store: {error}"),
                "try again",
            )
        };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("shared-store".to_owned())
            .spawn(move || drop(runtime.block_on(stopped)))
            .map_err(failed)?;
        Ok(Self { handle, thread: thread.thread().id(), _stop: stop })
    }

    /// Runs `work` on the thread. It ends if the caller stops waiting.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Error> {
        let mut running = AbortOnDrop(self.handle.spawn(work));
        (&mut running.0).await.map_err(|_| {
            Error::new(
                Code::HostFault,
                "the work of the shared store ended without a result",
                "report this bug, with the version of this program",
            )
        })
    }

    /// Runs `work` on the thread, and waits for it at most `limit`.
    pub(super) fn finish(&self, work: impl Future<Output = ()> + Send + 'static, limit: Duration) {
        let (done, wait) = mpsc::channel();
        self.handle.spawn(async move {
            let _ = tokio::time::timeout(limit, work).await;
            let _ = done.send(());
        });
        // The thread cannot wait for itself.
        if thread::current().id() != self.thread {
            let _ = wait.recv_timeout(limit);
        }
    }
}

struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
