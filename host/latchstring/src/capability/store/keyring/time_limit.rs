//! Calls to a keyring with a time limit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::vault::{Trouble, Vault};

/// Runs `work` on a new thread and waits for it no longer than `limit`.
///
/// A thread that hangs is left behind. It is a plain thread, which unlike a runtime's does
/// not keep the process from ending. When the wait ends, by the limit or because the caller
/// was cancelled, the thread makes no further call to the keyring: at most the call that
/// hangs takes effect later.
pub(super) async fn run<T: Send + 'static>(
    vault: &Arc<dyn Vault>,
    limit: Duration,
    work: impl FnOnce(&dyn Vault) -> Result<T, Trouble> + Send + 'static,
) -> Result<T, Trouble> {
    let abandoned = AbandonOnDrop(Arc::new(AtomicBool::new(false)));
    let watched = Watched { vault: vault.clone(), abandoned: abandoned.0.clone() };
    let (sender, receiver) = oneshot::channel();
    let call = move || {
        let outcome = watched.connect().and_then(|()| work(&watched));
        // If it took too long, the receiver is gone.
        let _ = sender.send(outcome);
    };
    let thread = thread::Builder::new().name("keyring".to_owned()).spawn(call);
    thread.map_err(|error| Trouble::Failed(format!("cannot start a thread for it: {error}")))?;
    match tokio::time::timeout(limit, receiver).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(Trouble::Failed("it ended without an answer".to_owned())),
        Err(_) => {
            vault.disconnect();
            Err(Trouble::Silent(limit))
        }
    }
}

/// Stops the thread's calls when the wait is dropped.
struct AbandonOnDrop(Arc<AtomicBool>);

impl Drop for AbandonOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// The keyring, which fails with `Abandoned` once the wait has ended.
struct Watched {
    vault: Arc<dyn Vault>,
    abandoned: Arc<AtomicBool>,
}

impl Watched {
    fn vault(&self) -> Result<&dyn Vault, Trouble> {
        if self.abandoned.load(Ordering::Acquire) {
            return Err(Trouble::Abandoned);
        }
        Ok(self.vault.as_ref())
    }
}

impl Vault for Watched {
    fn connect(&self) -> Result<(), Trouble> {
        self.vault()?.connect()
    }

    fn get(&self, entry: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Trouble> {
        self.vault()?.get(entry)
    }

    fn set(&self, entry: &str, value: &[u8]) -> Result<(), Trouble> {
        self.vault()?.set(entry, value)
    }

    fn delete(&self, entry: &str) -> Result<bool, Trouble> {
        self.vault()?.delete(entry)
    }

    fn largest(&self) -> Option<usize> {
        self.vault.largest()
    }

    fn disconnect(&self) {
        self.vault.disconnect();
    }

    fn name(&self) -> &'static str {
        self.vault.name()
    }

    fn lifetime(&self) -> Option<String> {
        self.vault.lifetime()
    }
}
